// The process is killed at random moments of mixed load, and at each named moment between two durable steps. What the killed process had
// been told is the oracle: each operation is announced before it begins and reported when it is acknowledged. Searches run beside the
// writers until the end; one that fails is reported too.
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <set>
#include <span>
#include <sstream>
#include <stdexcept>
#include <thread>
#include <variant>

#include "engine/crash_point.h"
#include "engine/engine.h"
#include "tests/gallery.h"
#include "tests/temporary_directory.h"

// This program never opens an engine itself, only its children do: threads do not survive a fork.
namespace {

using namespace clipdex::engine;
using clipdex::tests::TemporaryDirectory;

constexpr std::size_t kDimension = 128;  // of the built-in model
constexpr int kWriters = 3;              // threads, each with ids of its own
constexpr int kIdsEach = 150;

// What an image is, by numbers that are used once.
struct Version {
  long written = 0;  // of the write that decided its vector and "n" of its metadata. 0: it is deleted
  long patched = 0;  // of the last patch since, "p" of its metadata. 0: there was none
  bool operator==(const Version&) const = default;
};
using Versions = std::map<std::string, Version>;  // by id

struct Journal {
  std::array<Versions, kWriters> acknowledged;
  std::array<Versions, kWriters> under_way;  // of the operation that has begun and is not acknowledged
  long next = 1;
};

std::vector<float> vector_of(long version) {
  std::mt19937 random(static_cast<std::uint32_t>(version));
  std::normal_distribution<float> normal;
  std::vector<float> values(kDimension);
  std::generate(values.begin(), values.end(), [&] { return normal(random); });
  return values;
}

// What `embedding`, a unit vector, has in common with the vector of that write: 1 if it is the same.
double cosine(std::span<const float> embedding, long written) {
  const auto wanted = vector_of(written);
  double product = 0, length = 0;
  for (std::size_t i = 0; i < kDimension; ++i) {
    product += static_cast<double>(wanted[i]) * embedding[i];
    length += static_cast<double>(wanted[i]) * wanted[i];
  }
  return product / std::sqrt(length);
}

Version version_of(const ImageRecord& record) {
  const auto metadata = nlohmann::json::parse(record.metadata);
  return {.written = metadata.at("n").get<long>(), .patched = metadata.value("p", 0L)};
}

// Of the images those that this writer writes.
Versions of_writer(const Versions& all, int writer) {
  Versions its_own;
  for (const auto& [id, version] : all) {
    if (id[0] == static_cast<char>('a' + writer)) its_own[id] = version;
  }
  return its_own;
}

EngineOptions options(const std::filesystem::path& data) {
  EngineOptions options{.data_directory = data, .model = clipdex::tests::kModel};
  options.index.seal_rows = 64;
  options.index.approximate_rows_min = 300;
  return options;
}

void require(bool condition, const std::string& what) {
  if (!condition) throw std::runtime_error(what);
}

// ---- in the child ----

// Lines to the parent; each is written at once.
class Reporter {
 public:
  explicit Reporter(int descriptor) : descriptor_(descriptor) {}
  void operator()(const std::string& line) const {
    const std::string text = line + "\n";
    if (::write(descriptor_, text.data(), text.size()) < 0) ::_exit(3);
  }

 private:
  int descriptor_;
};

void check_versions(const Versions& found, Journal& journal) {
  for (int writer = 0; writer < kWriters; ++writer) {
    const auto mine = of_writer(found, writer);
    auto before = journal.acknowledged[static_cast<std::size_t>(writer)];
    auto after = before;
    for (const auto& [id, version] : journal.under_way[static_cast<std::size_t>(writer)]) after[id] = version;
    std::erase_if(before, [](const auto& entry) { return entry.second.written == 0; });
    std::erase_if(after, [](const auto& entry) { return entry.second.written == 0; });
    require(mine == before || mine == after, "writer " + std::to_string(writer) + " has " + std::to_string(mine.size()) + " images, and " +
                                                 std::to_string(before.size()) + " or " + std::to_string(after.size()) +
                                                 " of certain versions were acknowledged");
  }
}

// Store, index and journal agree. Returns what there is.
Versions verify(const Collection& collection, Journal& journal) {
  Versions found;
  collection.for_each_image([&](const ImageRecord& record, std::span<const float> embedding) {
    const auto version = found[record.id] = version_of(record);
    if (record.format == "vector") require(cosine(embedding, version.written) > 0.9999, record.id + " has another version's vector");
  });
  check_versions(found, journal);
  require(collection.statistics().images == found.size(), "the count is wrong");
  if (found.empty()) return found;
  std::set<std::string> searched;
  for (const auto& hit : collection.search({.query = VectorQuery{vector_of(1)}, .limit = 1000, .exact = true}).hits)
    searched.insert(hit.record.id);
  require(searched.size() == found.size(),
          "the index has " + std::to_string(searched.size()) + " images and the store " + std::to_string(found.size()));
  for (const auto& [id, version] : found) {
    require(searched.contains(id), id + " is not in the index");
    const auto hits = collection.search({.query = IdQuery{id}, .limit = 20}).hits;
    const auto self = std::find_if(hits.begin(), hits.end(), [&, wanted = &id](const SearchHit& hit) { return hit.record.id == *wanted; });
    require(self != hits.end() && self->score > 0.9999, id + " does not find itself");
  }
  return found;
}

std::string line_of(char kind, int writer, const Versions& versions) {
  std::ostringstream line;
  line << kind << ' ' << writer;
  for (const auto& [id, version] : versions) line << ' ' << id << ' ' << version.written << ' ' << version.patched;
  return line.str();
}

// mine: what the writer's ids are when it begins.
void write_until_killed(Collection& collection, const Reporter& report, int writer, std::atomic<long>& next, std::uint32_t seed,
                        Versions mine) {
  static const std::vector<std::string> pictures = {"scene-000.png", "scene-001.png", "scene-002.png", "scene-003.png"};
  std::mt19937 random(seed + static_cast<std::uint32_t>(writer));
  const auto id = [&] { return std::string(1, static_cast<char>('a' + writer)) + std::to_string(random() % kIdsEach); };
  while (true) {
    Versions wanted;
    const auto dice = random() % 10;
    if (dice < 2) {
      wanted[id()] = {};
      report(line_of('>', writer, wanted));
      collection.remove(wanted.begin()->first);
    } else if (dice < 4 && !mine.empty()) {
      const auto& [name, before] = *std::next(mine.begin(), static_cast<std::ptrdiff_t>(random() % mine.size()));
      const Version patched{.written = before.written, .patched = next++};
      wanted[name] = patched;
      report(line_of('>', writer, wanted));
      const auto record = collection.patch_metadata(name, R"({"p":)" + std::to_string(patched.patched) + "}");
      require(record && version_of(*record) == patched, name + " is not what was patched");
    } else if (dice < 6) {
      // Always other metadata than the id has, so that it is a new version and not "unchanged".
      const long version = next++;
      const auto name = id();
      wanted[name] = {.written = version};
      report(line_of('>', writer, wanted));
      const IngestItem item{.id = name,
                            .bytes = clipdex::tests::gallery_file(pictures[random() % pictures.size()]),
                            .source = "",
                            .metadata = R"({"n":)" + std::to_string(version) + "}"};
      const auto result = collection.ingest(std::span(&item, 1)).at(0);
      if (result.status == IngestStatus::kFailed) throw std::runtime_error(result.error);
    } else {
      std::vector<VectorItem> items;
      for (auto count = 1 + random() % 20; count > 0; --count) {
        const auto name = id();
        const long version = next++;
        if (!wanted.try_emplace(name, Version{.written = version}).second) continue;
        items.push_back(
            {.id = name, .embedding = vector_of(version), .source = "", .metadata = R"({"n":)" + std::to_string(version) + "}"});
      }
      report(line_of('>', writer, wanted));
      collection.import_vectors(items);
    }
    report(line_of('<', writer, wanted));
    for (const auto& [name, version] : wanted) mine[name] = version;
    std::erase_if(mine, [](const auto& entry) { return entry.second.written == 0; });
  }
}

// What holds for the hits of a search whatever is written meanwhile.
void check_hits(std::span<const SearchHit> hits) {
  const auto before = [](const SearchHit& a, const SearchHit& b) { return a.score > b.score; };
  require(std::is_sorted(hits.begin(), hits.end(), before), "a hit is behind a worse one");
  std::set<std::string> ids;
  for (const auto& hit : hits) {
    const auto& record = hit.record;
    require(ids.insert(record.id).second, record.id + " is found twice");
    // The vector is read after the record: the image may be gone by then.
    if (record.format != "vector" || hit.vector.empty()) continue;
    require(cosine(hit.vector, version_of(record).written) > 0.9999, record.id + " is found with another version's vector");
  }
}

// By vectors, exactly and not, and by ids; throws what none of them must throw.
void search_until_killed(const Collection& collection, const Reporter& report, std::uint32_t seed) {
  std::mt19937 random(seed);
  for (long i = 0;; ++i) {
    SearchRequest request{.query = VectorQuery{vector_of(static_cast<long>(random() % 1000))}, .exact = i % 3 == 0, .include_vector = true};
    if (i % 3 == 2) request.query = IdQuery{std::string(1, "abc"[random() % kWriters]) + std::to_string(random() % kIdsEach)};
    try {
      check_hits(collection.search(request).hits);
    } catch (const UnknownImageError&) {
      require(std::holds_alternative<IdQuery>(request.query), "a search by a vector asks for an image");
    }
    if (i == 2) report("? 0");
    std::this_thread::sleep_for(std::chrono::milliseconds(1));  // the cores are the writers'
  }
}

// Snapshots of everything, and between them a collection that is made, filled and dropped: at a start it is there, and works, or is not.
void copy_and_drop_until_killed(Engine& engine, const std::filesystem::path& snapshots, std::uint32_t seed) {
  for (int i = 0;; ++i) {
    const auto snapshot = snapshots / (std::to_string(seed) + "-" + std::to_string(i));
    engine.create_snapshot(snapshot);
    std::filesystem::remove_all(snapshot);
    engine.drop_collection("other");
    const auto [made, is_new] = engine.create_collection("other", {.store = StoredContent::kNone});
    require(is_new && made->statistics().images == 0, "a new collection has something of the one that was dropped");
    const VectorItem item{.id = "one", .embedding = vector_of(1), .source = "", .metadata = "{}"};
    made->import_vectors(std::span(&item, 1));
  }
}

// Checks what the last one left, then writes until it is killed.
[[noreturn]] void live(const std::filesystem::path& data, Journal journal, int descriptor, const std::string& crash_point,
                       std::uint32_t seed) {
  const Reporter report(descriptor);
  try {
    if (!crash_point.empty()) ::setenv("CLIPDEX_CRASH_POINT", crash_point.c_str(), 1);
    Engine engine(options(data));
    require(engine.unusable_collections().empty(), engine.unusable_collections().empty() ? "" : engine.unusable_collections()[0].reason);
    const auto collection = engine.create_collection("c", {.index_type = "auto", .store = StoredContent::kThumbnail}).first;
    const auto found = verify(*collection, journal);
    report(line_of('=', 0, found));
    std::atomic<long> next = journal.next;
    std::vector<std::jthread> threads;
    const auto guarded = [&](auto work) {
      return [&report, work] {
        try {
          work();
        } catch (const std::exception& error) {
          report(std::string("! ") + error.what());
        }
      };
    };
    for (int writer = 0; writer < kWriters; ++writer)
      threads.emplace_back(guarded([&, writer] { write_until_killed(*collection, report, writer, next, seed, of_writer(found, writer)); }));
    threads.emplace_back(guarded([&] { search_until_killed(*collection, report, seed); }));
    threads.emplace_back(guarded([&] { copy_and_drop_until_killed(engine, data.parent_path() / "snapshots", seed); }));
    threads.clear();  // never comes back
  } catch (const std::exception& error) {
    report(std::string("! ") + error.what());
  }
  ::_exit(2);
}

// ---- in the parent ----

struct Death {
  bool verified = false;  // it had checked what the one before it left
  bool searched = false;  // beside its writers
  bool killed = false;    // by us, not by itself at a crash point
};

// Reads the child's lines into the journal until it is gone. Kills it after `life` from its first operation on.
Death watch(pid_t child, int descriptor, std::chrono::milliseconds life, Journal& journal) {
  std::string text;
  Death death;
  auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  std::array<char, 65536> buffer{};
  while (true) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now()).count();
    pollfd waiting{.fd = descriptor, .events = POLLIN, .revents = 0};
    if (!death.killed && (left <= 0 || ::poll(&waiting, 1, static_cast<int>(left)) == 0)) {
      ::kill(child, SIGKILL);
      death.killed = true;
      continue;
    }
    const auto size = ::read(descriptor, buffer.data(), buffer.size());
    if (size <= 0) break;
    text.append(buffer.data(), static_cast<std::size_t>(size));
    for (std::size_t line_end; (line_end = text.find('\n')) != std::string::npos; text.erase(0, line_end + 1)) {
      std::istringstream line(text.substr(0, line_end));
      char kind = 0;
      std::size_t writer = 0;
      line >> kind;
      if (kind == '!') FAIL("a child failed: " << text.substr(0, line_end));
      line >> writer;
      Versions versions;
      std::string id;
      for (Version version; line >> id >> version.written >> version.patched;) {
        versions[id] = version;
        journal.next = std::max({journal.next, version.written + 1, version.patched + 1});
      }
      if (kind == '=') {
        // What was in question is settled now.
        for (auto& one : journal.acknowledged) one.clear();
        for (auto& one : journal.under_way) one.clear();
        for (const auto& [name, version] : versions) journal.acknowledged[static_cast<std::size_t>(name[0] - 'a')][name] = version;
        death.verified = true;
        end = std::chrono::steady_clock::now() + life;
      } else if (kind == '?') {
        death.searched = true;
      } else if (kind == '>') {
        journal.under_way[writer] = versions;
      } else {
        for (const auto& [name, version] : versions) journal.acknowledged[writer][name] = version;
        journal.under_way[writer].clear();
      }
    }
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  INFO("status " << status);
  CHECK(WIFSIGNALED(status));
  return death;
}

Death run_life(const std::filesystem::path& data, const std::string& crash_point, std::chrono::milliseconds life, std::uint32_t seed,
               Journal& journal) {
  std::array<int, 2> pipe{};
  REQUIRE(::pipe(pipe.data()) == 0);
  const auto child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::close(pipe[0]);
    live(data, journal, pipe[1], crash_point, seed);
  }
  ::close(pipe[1]);
  const auto death = watch(child, pipe[0], life, journal);
  ::close(pipe[0]);
  return death;
}

}  // namespace

TEST_CASE("killed at random moments of mixed load, a collection keeps what was acknowledged and nothing is half applied") {
  // Four at a time for the test run's sake: 4 x 26 lives, of which all but the last are cut short.
  const auto seed = GENERATE(1U, 2U, 3U, 4U);
  CAPTURE(seed);
  TemporaryDirectory root;
  std::mt19937 random(seed);
  Journal journal;
  bool searched = false;
  for (std::uint32_t life = 0; life < 26; ++life) {
    CAPTURE(life);
    const auto death = run_life(root.path() / "data", "", std::chrono::milliseconds(random() % 300), seed * 1000 + life, journal);
    CHECK(death.verified);
    searched = searched || death.searched;
  }
  CHECK(searched);  // or that no search failed would say nothing
}

TEST_CASE("killed between any two durable steps, a collection keeps what was acknowledged and nothing is half applied") {
  TemporaryDirectory root;
  Journal journal;
  std::uint32_t life = 0;
  for (const auto& point : crash_points()) {
    for (const int count : {1, 3}) {
      CAPTURE(point, count);
      const auto death = run_life(root.path() / "data", std::string(point) + "@" + std::to_string(count), std::chrono::seconds(20),
                                  9000 + life++, journal);
      CHECK_FALSE(death.killed);
    }
  }
  CHECK(run_life(root.path() / "data", "", std::chrono::milliseconds(0), 1, journal).verified);
}

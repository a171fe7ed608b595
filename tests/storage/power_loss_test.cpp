// What survives a power cut: a file system that loses what was not synced, random loads, and a journal of what was acknowledged.
#include <catch2/catch_test_macros.hpp>
#include <map>
#include <optional>
#include <random>
#include <sstream>
#include <thread>
#include <vector>

#include "storage/image_store.h"
#include "tests/storage/power_cut_file_system.h"
#include "tests/storage/sample_store.h"

namespace {

using clipdex::storage::ImageRecord;
using clipdex::storage::ImageStore;
using clipdex::storage::Operation;
using clipdex::storage::StoreOptions;
using clipdex::storage::WriteRequest;
using clipdex::tests::image;
using clipdex::tests::kInfo;
using clipdex::tests::PowerCutFileSystem;

constexpr int kDisks = 10;
constexpr int kCutsOfEach = 10;
constexpr int kWriters = 2;
constexpr int kIds = 12;
constexpr const char* kStore = "/disk/store";

// What an image is known by here: its content's number, and its metadata.
struct Known {
  int content = 0;
  std::string metadata;
  bool operator==(const Known&) const = default;
};
using State = std::map<std::string, Known>;

// The letter keeps 1 and 10 apart when zeros are appended.
std::string content_name(int content) { return std::to_string(content) + "c"; }

std::string describe(const State& state) {
  std::ostringstream text;
  for (const auto& [id, known] : state) text << id << '=' << known.content << '/' << known.metadata << ' ';
  return text.str();
}

// One thread's writes to ids of its own, and what it may expect of them.
class Writer {
 public:
  Writer(int number, std::uint64_t seed) : prefix_("w" + std::to_string(number) + "-"), random_(seed) {}

  // Writes until the power is off.
  void run(ImageStore& store) {
    pending_.reset();
    pending_manifest_.reset();
    try {
      while (true) one_request(store);
    } catch (const std::exception&) {
      // The power is off; what was asked for last may be there or not.
    }
  }

  // Empty if the store has what was acknowledged, with or without the last request.
  std::string check(const ImageStore& store) {
    State found;
    for (const auto& record : store.list("", 1'000'000)) {
      if (!record.id.starts_with(prefix_)) continue;
      const auto embedding = store.embedding(record.row);
      const int content = embedding ? static_cast<int>((*embedding)[0]) : -1;
      const auto expected = image(record.id, content_name(content), static_cast<float>(content));
      if (store.thumbnail(record.row) != expected.thumbnail || record.content_hash != expected.record.content_hash)
        return "the parts of " + record.id + " do not belong together";
      if (store.row_of_content(record.content_hash) != record.row) return "the content of " + record.id + " is not found";
      found[record.id] = {content, record.metadata};
    }
    const bool last_one_is_there = pending_ && found == *pending_;
    if (found != acknowledged_ && !last_one_is_there)
      return "found " + describe(found) + "\nacknowledged " + describe(acknowledged_) + "\npending " +
             (pending_ ? describe(*pending_) : "");
    acknowledged_ = found;
    return "";
  }

  std::optional<std::string> manifest() const { return manifest_; }
  std::optional<std::string> pending_manifest() const { return pending_manifest_; }
  void settle_manifest(const std::optional<std::string>& found) { manifest_ = found; }
  std::uint64_t acknowledged_sequence() const { return acknowledged_sequence_; }

 private:
  void one_request(ImageStore& store) {
    if (prefix_ == "w0-" && random_() % 6 == 0) return put_manifest(store);
    State next = acknowledged_;
    WriteRequest request;
    const auto touched = 1 + random_() % 4;
    for (std::uint64_t i = 0; i < touched; ++i) {
      const auto id = prefix_ + std::to_string((random_() % 3) * 4 + i);  // different ones in one request
      const auto kind = random_() % 4;
      if (kind == 0) {
        request.deleted_ids.push_back(id);
        next.erase(id);
      } else if (kind == 1 && next.contains(id)) {
        auto record = *store.find(id);
        record.metadata = "{\"version\":" + std::to_string(random_() % 1000) + "}";
        next[id].metadata = record.metadata;
        request.changed.push_back(record);
      } else {
        // Contents are never repeated, so that each has one row.
        const int content = ++contents_ * kWriters + (prefix_ == "w0-" ? 0 : 1);
        request.images.push_back(image(id, content_name(content), static_cast<float>(content)));
        next[id] = {content, request.images.back().record.metadata};
      }
    }
    pending_ = next;
    const auto result = store.write(std::move(request));
    acknowledged_sequence_ = result.sequence;
    acknowledged_ = *pending_;
    pending_.reset();
  }

  void put_manifest(ImageStore& store) {
    const auto sequence = store.last_sequence();
    pending_manifest_ = std::to_string(sequence) + std::string(random_() % 3000, 'm');
    store.put_index_manifest(*pending_manifest_, sequence);
    manifest_ = pending_manifest_;
    pending_manifest_.reset();
  }

  std::string prefix_;
  std::mt19937_64 random_;
  int contents_ = 0;
  State acknowledged_;
  std::optional<State> pending_;
  std::optional<std::string> manifest_, pending_manifest_;
  std::uint64_t acknowledged_sequence_ = 0;
};

// Everything that does not depend on who wrote it.
std::string check_whole(const ImageStore& store, std::vector<Writer>& writers) {
  std::size_t records = 0;
  store.for_each_embedding([&](std::uint64_t, std::span<const float>) { ++records; });
  if (records != store.count()) return "the count is wrong";
  auto& keeper = writers.front();
  const auto manifest = store.index_manifest();
  if (manifest != keeper.manifest() && manifest != keeper.pending_manifest()) return "the manifest is another one";
  keeper.settle_manifest(manifest);
  std::uint64_t sequence = manifest ? std::stoull(*manifest) : 0;
  store.for_each_operation_after(sequence, [&](const Operation& operation) { sequence = operation.sequence; });
  if (sequence != store.last_sequence()) return "the operation log ends too early";
  for (auto& writer : writers) {
    if (store.last_sequence() < writer.acknowledged_sequence()) return "an acknowledged operation is gone";
    const auto wrong = writer.check(store);
    if (!wrong.empty()) return wrong;
  }
  return "";
}

// Cuts the power kCutsOfEach times under load. Empty, or what went wrong.
std::string use_disk(int number, int& cuts) {
  const std::string uri = "power-cut-" + std::to_string(number);
  const auto files = std::make_shared<PowerCutFileSystem>();
  PowerCutFileSystem::register_as(uri, files);
  const StoreOptions options{.file_system_uri = uri, .write_buffer_bytes = 64 << 10};
  std::mt19937_64 random(static_cast<std::uint64_t>(number) + 1);
  std::vector<Writer> writers;
  for (int i = 0; i < kWriters; ++i) writers.emplace_back(i, random());
  auto store = ImageStore::create(kStore, kInfo, options);
  for (int cut = 0; cut < kCutsOfEach; ++cut) {
    files->cut_power_after(random() % 600);
    {
      std::vector<std::jthread> threads;
      for (auto& writer : writers) threads.emplace_back([&] { writer.run(*store); });
    }
    if (!files->is_off()) return "a writer failed while the power was on";
    ++cuts;
    store.reset();
    files->restart(random);
    std::string wrong;
    try {
      store = ImageStore::open(kStore, options);
      wrong = check_whole(*store, writers);
    } catch (const std::exception& error) {
      wrong = error.what();
    }
    if (!wrong.empty()) return "disk " + std::to_string(number) + ", cut " + std::to_string(cut) + ": " + wrong;
  }
  return "";
}

}  // namespace

TEST_CASE("after a power cut everything acknowledged is there and nothing is half there") {
  std::vector<std::string> wrong(kDisks);
  std::vector<int> cuts(kDisks);
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < kDisks; ++i) {
      threads.emplace_back([&, i] {
        try {
          wrong[static_cast<std::size_t>(i)] = use_disk(i, cuts[static_cast<std::size_t>(i)]);
        } catch (const std::exception& error) {
          wrong[static_cast<std::size_t>(i)] = error.what();
        }
      });
    }
  }
  for (const auto& message : wrong) CHECK(message == "");
  for (const auto count : cuts) CHECK(count == kCutsOfEach);
}

TEST_CASE("a store and a checkpoint are durable when they are made") {
  const std::string uri = "power-cut-made";
  const auto files = std::make_shared<PowerCutFileSystem>();
  PowerCutFileSystem::register_as(uri, files);
  const StoreOptions options{.file_system_uri = uri};
  std::mt19937_64 random(1);
  auto store = ImageStore::create(kStore, kInfo, options);
  store->write({.images = {image("a", "1"), image("b", "2")}});
  store->checkpoint("/disk/copies/copy");
  files->cut_power_after(0);
  CHECK_THROWS(store->write({.images = {image("c", "3")}}));
  store.reset();
  files->restart(random);
  for (const std::string path : {kStore, "/disk/copies/copy"}) {
    CAPTURE(path);
    const auto reopened = ImageStore::open(path, options);
    CHECK(reopened->count() == 2);
    CHECK(reopened->thumbnail(reopened->find("b")->row) == image("b", "2").thumbnail);
  }
}

TEST_CASE("a file system that is not registered is refused") {
  CHECK_THROWS_AS(ImageStore::create("/nowhere", kInfo, {.file_system_uri = "no-such-file-system"}), std::invalid_argument);
}

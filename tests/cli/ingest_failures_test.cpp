// "clipdex ingest" when something goes wrong: one bad file never fails the others, and what was done stays.
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>

#include <catch2/catch_test_macros.hpp>

#include "tests/cli/collections.h"

namespace {

namespace fs = std::filesystem;
using namespace clipdex::tests;

const std::string kNoUtf8 = "bad\xFF.png";

// A folder with one good picture and one of every kind of bad file.
fs::path folder_of_bad_files(const fs::path& folder) {
  copy_pictures(folder, {"rocket.png"});
  std::ofstream(folder / "empty.png") << "";
  std::ofstream(folder / "text.jpg") << "hello";
  std::ofstream(folder / "cut.png") << gallery_file("lemon.png").substr(0, 500);
  fs::create_symlink("/nowhere/at/all.png", folder / "dangling.png");
  fs::create_symlink("loop.png", folder / "loop.png");
  if (::mkfifo((folder / "pipe.png").c_str(), 0600) != 0) throw std::runtime_error("no pipe");
  fs::copy_file(kGallery / "lemon.png", folder / kNoUtf8);
  fs::copy_file(kGallery / "lemon.png", folder / "escape\x1B[31m.png");
  return folder;
}

const Fates kBadFates = {{"bad\uFFFD.png", "invalid_id"},      {"cut.png", "corrupt_image"},    {"dangling.png", "unreadable_file"},
                         {"empty.png", "unsupported_image"},   {"loop.png", "unreadable_file"}, {"pipe.png", "unreadable_file"},
                         {"escape\x1B[31m.png", "invalid_id"}, {"rocket.png", "created"},       {"text.jpg", "unsupported_image"}};

void check_bad_files(const fs::path& folder, const std::vector<std::string>& target) {
  const auto outcome = run_clipdex(with({"ingest", folder.string(), "--json"}, target));
  CAPTURE(outcome.error);
  CHECK(outcome.exit_code == 3);
  CHECK(fates(outcome) == kBadFates);
  CHECK(contains(outcome.error, "1 created, 0 updated, 0 unchanged, 8 failed"));
  CHECK(contains(outcome.error, "failed: cut.png: "));
  CHECK(contains(outcome.error, "--id-from hash"));
  CHECK(!contains(outcome.error, "\x1B[31m"));  // a file's name must not drive the terminal
  CHECK(!contains(outcome.error, "\xFF"));
  CHECK(ids_of(output_of(with({"list", "--json"}, target))) == Ids{"rocket.png"});
}

// 300 pictures whose names are so long that what "ingest --json" says of them does not fit into a pipe: it stops until somebody reads.
fs::path folder_of_long_names(const fs::path& folder) {
  fs::create_directories(folder);
  int number = 100;
  for (const auto& entry : fs::directory_iterator(kGallery)) {
    if (entry.path().extension() != ".png" || number == 400) continue;
    fs::create_symlink(entry.path(), folder / (std::string(200, 'x') + std::to_string(number++) + ".png"));
  }
  return folder;
}

// "clipdex ARGUMENTS" with its output in a pipe that nobody reads until drain().
class StalledProgram {
 public:
  StalledProgram(const fs::path& scratch, const std::string& arguments) {
    const auto file = (scratch / "output").string();
    if (::mkfifo(file.c_str(), 0600) != 0) throw std::runtime_error("no pipe");
    descriptor_ = ::open(file.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    process_.emplace(std::vector<std::string>{"sh", "-c", "exec '" + kProgram + "' " + arguments + " > '" + file + "'"});
    pollfd output{.fd = descriptor_, .events = POLLIN, .revents = 0};
    constexpr int kMilliseconds = 120'000;
    if (::poll(&output, 1, kMilliseconds) != 1 || (output.revents & POLLIN) == 0)
      throw std::runtime_error("no output: " + process_->error());
  }
  ~StalledProgram() { ::close(descriptor_); }
  StalledProgram(const StalledProgram&) = delete;
  StalledProgram& operator=(const StalledProgram&) = delete;

  ChildProcess& process() { return *process_; }

  // Reads everything to the end; returns how the program ended.
  Outcome drain() {
    Outcome outcome;
    char buffer[4096];
    pollfd output{.fd = descriptor_, .events = POLLIN, .revents = 0};
    while (true) {
      ::poll(&output, 1, -1);
      const auto size = ::read(descriptor_, buffer, sizeof buffer);
      if (size == 0) break;
      if (size > 0) outcome.out.append(buffer, static_cast<std::size_t>(size));
    }
    outcome.exit_code = process_->wait();
    outcome.error = process_->error();
    return outcome;
  }

 private:
  int descriptor_ = -1;
  std::optional<ChildProcess> process_;
};

// Runs the ingest again: everything that had been reported is unchanged, and the rest is created.
void check_resumed(const fs::path& folder, const std::vector<std::string>& target, const Outcome& first) {
  const auto before = fates(first);
  const auto again = run_clipdex(with({"ingest", folder.string(), "--json"}, target));
  CHECK(again.exit_code == 0);
  const auto after = fates(again);
  REQUIRE(after.size() == 300);
  for (const auto& [source, fate] : before) {
    CHECK(fate == "created");
    CHECK(after.at(source) == "unchanged");
  }
}

}  // namespace

TEST_CASE("a folder's pictures of every format are ingested, and those that are cut are reported and skipped") {
  const TemporaryDirectory directory;
  const auto folder = directory.path() / "pictures";
  fs::create_directories(folder);
  const auto seeds = fs::path(CLIPDEX_SOURCE_DIR) / "tests/fuzz/seeds";
  Fates expected;
  for (const auto& [seed, ending] : {std::pair{"png/rgb", ".png"}, std::pair{"webp/alpha", ".webp"}, std::pair{"gif/palette", ".GIF"},
                                     std::pair{"heif/heic", ".heic"}, std::pair{"heif/avif", ".avif"}, std::pair{"tiff/rgb_lzw", ".tif"},
                                     std::pair{"tiff/jpeg", ".tiff"}, std::pair{"bmp/rgb", ".bmp"}}) {
    const auto bytes = read_file(seeds / seed);
    const std::string whole = std::string("whole") + ending, cut = std::string("cut") + ending;
    std::ofstream(folder / whole, std::ios::binary) << bytes;
    std::ofstream(folder / cut, std::ios::binary) << bytes.substr(0, bytes.size() / 2);
    expected[whole] = "created";
    expected[cut] = "corrupt_image";
  }
  std::ofstream(folder / "notes.txt") << "not looked at";
  const auto outcome = run_clipdex({"ingest", folder.string(), "--json", "--data", (directory.path() / "data").string()});
  CAPTURE(outcome.error);
  CHECK(outcome.exit_code == 3);
  CHECK(fates(outcome) == expected);
}

TEST_CASE("bad files in a folder fail one by one with a reason, and the good one gets into the data directory") {
  const TemporaryDirectory directory;
  check_bad_files(folder_of_bad_files(directory.path() / "pictures"), {"--data", (directory.path() / "data").string()});
}

TEST_CASE("bad files in a folder fail one by one with a reason, and the good one gets to the server") {
  const TemporaryDirectory directory;
  const RunningServer server(directory.path() / "data");
  check_bad_files(folder_of_bad_files(directory.path() / "pictures"), {"--server", server.url()});
}

TEST_CASE("a file whose name is no text can be ingested under its content hash") {
  const TemporaryDirectory directory;
  fs::create_directories(directory.path() / "pictures");
  fs::copy_file(kGallery / "lemon.png", directory.path() / "pictures" / kNoUtf8);
  const RunningServer server(directory.path() / "data");
  const auto lines =
      output_of({"ingest", (directory.path() / "pictures").string(), "--server", server.url(), "--id-from", "hash", "--json"});
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].at("source") == "bad\uFFFD.png");
  CHECK(output_of({"list", "--server", server.url(), "--json"}).size() == 1);
}

TEST_CASE("an ingest of which every input fails exits with 1") {
  const TemporaryDirectory directory;
  const auto file = directory.path() / "empty.png";
  std::ofstream(file) << "";
  const auto outcome = run_clipdex({"ingest", file.string(), "--data", (directory.path() / "data").string()});
  CHECK(outcome.exit_code == 1);
  CHECK(outcome.out.empty());
  CHECK(contains(outcome.error, "1 failed"));
}

TEST_CASE("files of two folders that would have the same id do not replace each other") {
  const TemporaryDirectory directory;
  fs::create_directories(directory.path() / "a");
  fs::create_directories(directory.path() / "b");
  fs::copy_file(kGallery / "lemon.png", directory.path() / "a/1.png");
  fs::copy_file(kGallery / "rocket.png", directory.path() / "b/1.png");
  const auto data = (directory.path() / "data").string();
  const auto a = (directory.path() / "a").string(), b = (directory.path() / "b").string();
  const auto outcome = run_clipdex({"ingest", a, b, "--data", data, "--json"});
  CHECK(outcome.exit_code == 3);
  const auto lines = json_lines(outcome.out);
  REQUIRE(lines.size() == 2);
  CHECK(contains(outcome.out, "duplicate_id"));
  CHECK(contains(outcome.error, b + "/1.png and " + a + "/1.png"));
  CHECK(run_clipdex({"ingest", directory.path().string() + "/a", a, "--data", data}).exit_code == 0);  // the same file twice is no conflict
  CHECK(ids_of(output_of({"search", "lemon", "-n", "1", "--json", "--data", data})) == Ids{"1.png"});
}

TEST_CASE("a picture that is larger than the server's limit fails alone, with its metadata counted") {
  const TemporaryDirectory directory;
  const auto folder = copy_pictures(directory.path() / "pictures", {"lemon.png", "rocket.png"});
  std::ofstream(folder / "large.png") << gallery_file("lemon.png") << std::string(20'000, 'x');
  const auto metadata = directory.path() / "metadata.jsonl";
  std::ofstream(metadata) << json{{"file", "rocket.png"}, {"text", std::string(20'000, 'y')}}.dump();
  const RunningServer server(directory.path() / "data", {"--max-body", "20000"});
  const auto outcome = run_clipdex({"ingest", folder.string(), "--server", server.url(), "--json", "--metadata", metadata.string()});
  CHECK(outcome.exit_code == 3);
  CHECK(fates(outcome) == Fates{{"large.png", "image_too_large"}, {"lemon.png", "created"}, {"rocket.png", "image_too_large"}});
  CHECK(contains(outcome.error, "are the limit here"));
}

TEST_CASE("metadata that a server refuses fails its own picture and no other") {
  const TemporaryDirectory directory;
  const auto folder = copy_pictures(directory.path() / "pictures", {"airplane.png", "lemon.png", "rocket.png"});
  const auto metadata = directory.path() / "metadata.jsonl";
  std::ofstream(metadata) << R"({"file":"lemon.png","deep":)" << std::string(100, '[') << std::string(100, ']') << "}\n";
  const RunningServer server(directory.path() / "data");
  const auto outcome = run_clipdex({"ingest", folder.string(), "--server", server.url(), "--json", "--metadata", metadata.string()});
  CHECK(outcome.exit_code == 3);
  CHECK(fates(outcome) == Fates{{"airplane.png", "created"}, {"lemon.png", "malformed_request"}, {"rocket.png", "created"}});
}

TEST_CASE("a metadata file with a bad line is refused with the line's number, and nothing is ingested") {
  const TemporaryDirectory directory;
  const auto folder = copy_pictures(directory.path() / "pictures", {"lemon.png"});
  const auto metadata = directory.path() / "metadata.jsonl", data = directory.path() / "data";
  const auto refused = [&] {
    const auto outcome = run_clipdex({"ingest", folder.string(), "--data", data.string(), "--metadata", metadata.string()});
    CHECK(outcome.exit_code == 2);
    CHECK(!fs::exists(data));
    return outcome.error;
  };
  CHECK(contains(refused(), metadata.string()));
  std::ofstream(metadata) << "{\"file\":\"lemon.png\"}\n{\"name\":\"lemon.png\"}\n";
  CHECK(contains(refused(), metadata.string() + ", line 2"));
  std::ofstream(metadata) << "[1]\n";
  CHECK(contains(refused(), metadata.string() + ", line 1"));
}

TEST_CASE("Ctrl-C during an ingest stops in order with exit code 3, and the same command goes on from there") {
  const TemporaryDirectory directory;
  const auto folder = folder_of_long_names(directory.path() / "pictures");
  const auto data = (directory.path() / "data").string();
  StalledProgram ingest(directory.path(), "ingest '" + folder.string() + "' --json --data '" + data + "'");
  ingest.process().signal(SIGINT);
  const auto outcome = ingest.drain();
  CAPTURE(outcome.error);
  CHECK(outcome.exit_code == 3);
  CHECK(contains(outcome.error, "stopped after"));
  CHECK(contains(outcome.error, "the same command goes on from there"));
  CHECK(fates(outcome).size() < 300);
  CHECK(fates(outcome).size() >= 64);
  check_resumed(folder, {"--data", data}, outcome);
}

TEST_CASE("a server that is killed during an ingest leaves a clear error, and the same command goes on from there") {
  const TemporaryDirectory directory;
  const auto folder = folder_of_long_names(directory.path() / "pictures");
  Outcome outcome;
  {
    RunningServer server(directory.path() / "data");
    StalledProgram ingest(directory.path(), "ingest '" + folder.string() + "' --json --server " + server.url());
    server.kill();
    outcome = ingest.drain();
  }
  CAPTURE(outcome.error);
  CHECK(outcome.exit_code == 1);
  CHECK(contains(outcome.error, "stopped after"));
  CHECK(contains(outcome.error, "no answer from http://127.0.0.1:"));
  CHECK(fates(outcome).size() >= 64);
  const RunningServer again(directory.path() / "data");
  check_resumed(folder, {"--server", again.url()}, outcome);
}

// What survives when the process is killed, and when the disk is full. Both run this program again, as another process.
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <fstream>
#include <random>

#include "storage/image_store.h"
#include "tests/storage/sample_store.h"
#include "tests/temporary_directory.h"

namespace {

namespace fs = std::filesystem;
using clipdex::storage::DiskFullError;
using clipdex::storage::ImageStore;
using clipdex::storage::WriteRequest;
using clipdex::tests::filled;
using clipdex::tests::image;
using clipdex::tests::kInfo;
using clipdex::tests::TemporaryDirectory;

constexpr const char* kDirectoryVariable = "CLIPDEX_TEST_DIRECTORY";
constexpr const char* kJournalVariable = "CLIPDEX_TEST_JOURNAL";
constexpr int kNotPossibleHere = 77;

pid_t run_again(const char* test, const fs::path& directory, int journal) {
  ::setenv(kDirectoryVariable, directory.c_str(), 1);
  ::setenv(kJournalVariable, std::to_string(journal).c_str(), 1);
  const pid_t child = ::fork();
  if (child != 0) return child;
  ::execl("/proc/self/exe", "storage_test", test, nullptr);
  ::_exit(1);
}

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// The caller becomes root of namespaces of its own, with a small disk at the directory. False where that is not allowed.
bool mount_small_disk(const fs::path& directory, const char* options) {
  const auto user = ::getuid();
  const auto group = ::getgid();
  if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return false;
  std::ofstream("/proc/self/setgroups") << "deny";
  std::ofstream("/proc/self/uid_map") << "0 " << user << " 1";
  std::ofstream("/proc/self/gid_map") << "0 " << group << " 1";
  return ::mount("tmpfs", directory.c_str(), "tmpfs", 0, options) == 0;
}

}  // namespace

// Writes pairs of images until it is killed; each acknowledged pair's number goes to the journal.
TEST_CASE("writer that is killed", "[.writer]") {
  const int journal = std::stoi(variable(kJournalVariable));
  const auto store = ImageStore::open(variable(kDirectoryVariable));
  for (std::uint64_t n = store->count() / 2;; ++n) {
    store->write({.images = {image("x" + std::to_string(n), "1"), image("y" + std::to_string(n), "2")}});
    if (::write(journal, &n, sizeof n) != sizeof n) ::_exit(1);
  }
}

TEST_CASE("what was acknowledged before kill -9 is there, whole, after it") {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "store";
  ImageStore::create(path, kInfo);
  std::mt19937 random(3);
  std::uint64_t acknowledged = 0;
  for (int round = 0; round < 5; ++round) {
    int journal[2];
    REQUIRE(::pipe(journal) == 0);
    REQUIRE(::fcntl(journal[0], F_SETFD, FD_CLOEXEC) == 0);
    const pid_t child = run_again("[.writer]", path, journal[1]);
    REQUIRE(child > 0);
    ::close(journal[1]);
    const auto wanted = 5 + random() % 40;
    const auto before = acknowledged;
    for (std::uint64_t n = 0, read = 0; read < wanted && ::read(journal[0], &n, sizeof n) == sizeof n; ++read) acknowledged = n + 1;
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    REQUIRE(acknowledged == before + wanted);
    for (std::uint64_t n = 0; ::read(journal[0], &n, sizeof n) == sizeof n;) acknowledged = n + 1;
    ::close(journal[0]);
    const auto store = ImageStore::open(path);
    for (std::uint64_t n = 0; n < acknowledged; ++n)
      REQUIRE((store->find("x" + std::to_string(n)) && store->find("y" + std::to_string(n))));
    const auto records = store->list("", 1'000'000);
    CHECK(records.size() == store->count());
    CHECK(records.size() % 2 == 0);
    for (const auto& record : records) REQUIRE((store->embedding(record.row) && store->thumbnail(record.row)));
    acknowledged = store->count() / 2;
  }
}

TEST_CASE("writer that fills a small disk", "[.small-disk]") {
  const fs::path directory = variable(kDirectoryVariable);
  if (!mount_small_disk(directory, "size=96m")) ::_exit(kNotPossibleHere);
  const auto path = directory / "store";
  const auto ballast = directory / "ballast";
  const auto large = [](int n) {
    auto made = image("large" + std::to_string(n), "1");
    // Bytes that nothing compresses: once flushed they take as much room as in the log.
    std::mt19937 random(static_cast<std::uint32_t>(n));
    made.original.resize(1 << 20);
    std::generate(made.original.begin(), made.original.end(), [&] { return static_cast<char>(random()); });
    return made;
  };
  // Before the store, whose log reserves room that the ballast would not get; and more than the log can grow to, so that there is room for
  // what is written from it once the ballast is gone.
  std::ofstream(ballast) << std::string(56 << 20, 'b');
  REQUIRE(fs::file_size(ballast) == 56 << 20);
  auto store = filled(path);
  int written = 0;
  std::string message;
  // Twice in a row: what the first refused write leaves behind may make room for the second.
  for (int refused = 0; refused < 2;) {
    REQUIRE(written < 64);
    try {
      store->write({.images = {large(written)}});
      ++written;
      refused = 0;
    } catch (const DiskFullError& error) {
      ++refused;
      message = error.what();
    }
  }
  CAPTURE(message, written);
  CHECK(message.starts_with("the disk is full"));
  CHECK(written > 0);
  const auto check = [&](int images) {
    CHECK(store->count() == static_cast<std::uint64_t>(3 + images));
    CHECK(!store->find("large" + std::to_string(images)));
    for (int n = 0; n < images; ++n) {
      const auto record = store->find("large" + std::to_string(n));
      REQUIRE(record);
      REQUIRE(store->original(record->row) == large(n).original);
    }
    int rows = 0;
    store->for_each_embedding([&](std::uint64_t, std::span<const float>) { ++rows; });
    CHECK(rows == 3 + images);
  };
  check(written);
  // A copy has no room either; the attempt leaves nothing.
  CHECK_THROWS_AS(store->checkpoint(directory / "copy"), DiskFullError);
  CHECK_FALSE(fs::exists(directory / "copy"));
  CHECK_FALSE(fs::exists(directory / "copy.tmp"));
  check(written);
  fs::remove(ballast);
  CHECK(store->write({.images = {large(written)}}).rows.size() == 1);
  check(written + 1);
  // The operation log has neither a gap nor an operation that was refused.
  store->write({.images = {large(99)}});
  store->write({.deleted_ids = {"large99"}});
  CHECK(store->last_sequence() == static_cast<std::uint64_t>(1 + written + 1 + 2));
  std::uint64_t sequence = 0;
  store->for_each_operation_after(0, [&](const clipdex::storage::Operation& operation) { sequence = operation.sequence; });
  CHECK(sequence == store->last_sequence());
  store.reset();
  store = ImageStore::open(path);
  check(written + 1);
}

TEST_CASE("a full disk refuses writes, harms nothing, and is forgotten when there is room again") {
  const TemporaryDirectory directory;
  int status = 0;
  const pid_t child = run_again("[.small-disk]", directory.path(), -1);
  REQUIRE(child > 0);
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  if (WEXITSTATUS(status) == kNotPossibleHere) SKIP("no small disk can be mounted here");
  CHECK(WEXITSTATUS(status) == 0);
}

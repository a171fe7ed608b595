// "clipdex serve": how it starts, why it does not, and how it ends.
#include <catch2/catch_test_macros.hpp>

#include "tests/cli/collections.h"

namespace {

namespace fs = std::filesystem;
using namespace clipdex::tests;

// Exit code 1, nothing on stdout, and all of `words` in the message.
void check_does_not_start(const std::vector<std::string>& arguments, const std::vector<std::string>& words) {
  check_fails(with({"serve"}, arguments), words);
}

}  // namespace

TEST_CASE("a port in use ends the start with the port and the remedy, before the data directory is touched") {
  const TemporaryDirectory directory;
  const RunningServer server(directory.path() / "first");
  const auto second = directory.path() / "second";
  const auto port = std::to_string(server.port());
  check_does_not_start({"--data", second.string(), "--port", port}, {port, "--port"});
  CHECK(!fs::exists(second));
}

TEST_CASE("an address that is not this machine's ends the start with the address") {
  const TemporaryDirectory directory;
  check_does_not_start({"--data", (directory.path() / "data").string(), "--port", "0", "--host", "203.0.113.1"}, {"203.0.113.1", "--host"});
  CHECK(!fs::exists(directory.path() / "data"));
}

TEST_CASE("a data directory that another process uses is refused with the remedy, and the first server goes on") {
  const TemporaryDirectory directory;
  const auto data = directory.path() / "data";
  const RunningServer server(data);
  check_does_not_start({"--data", data.string(), "--port", "0"}, {data.string(), "in use", "--server", "--data"});
  const auto local = run_clipdex({"list", "--data", data.string()});
  CHECK(local.exit_code == 1);
  CHECK(contains(local.error, "in use"));
  CHECK(run_clipdex({"stats", "--server", server.url()}).exit_code == 0);
}

TEST_CASE("a data directory that cannot be one is named") {
  const TemporaryDirectory directory;
  const auto file = directory.path() / "file";
  std::ofstream(file) << "hello";
  check_does_not_start({"--data", file.string(), "--port", "0"}, {file.string()});
  check_does_not_start({"--data", (file / "below").string(), "--port", "0"}, {(file / "below").string()});
  check_does_not_start({"--data", "/proc/nope", "--port", "0"}, {"/proc/nope"});
  CHECK(read_file(file) == "hello");
}

TEST_CASE("a model that is not there is named") {
  const TemporaryDirectory directory;
  check_does_not_start({"--data", (directory.path() / "data").string(), "--port", "0", "--model", "/no/model"}, {"/no/model"});
}

TEST_CASE("GPUs that are named for searches, and graphs there, are refused where searches use none") {
  const TemporaryDirectory directory;
  const std::vector<std::string> serve{"--data", (directory.path() / "data").string(), "--port", "0", "--device", "cpu"};
  check_does_not_start(with(serve, {"--gpu-index-devices", "0,1"}), {"no GPU is used"});
  check_does_not_start(with(serve, {"--gpu-index-graph"}), {"no GPU is used"});
}

TEST_CASE("a collection of another model does not keep the server from starting, and is named with the remedy") {
  const TemporaryDirectory directory;
  const auto data = directory.path() / "data", other = directory.path() / "other";
  const auto folder = copy_pictures(directory.path() / "pictures", {"rocket.png"});
  output_of({"ingest", folder.string(), "-c", "photos", "--data", data.string(), "--json"});
  write_other_model(other);
  RunningServer server(data, {"--model", other.string()});
  const auto said = server.process().error();
  CHECK(contains(said, "photos cannot be used"));
  CHECK(contains(said, "--model"));
  const auto stats = run_clipdex({"stats", "--server", server.url()});
  CHECK(stats.exit_code == 0);
  CHECK(contains(stats.error, "photos cannot be used"));
  CHECK(contains(run_clipdex({"collection", "list", "--server", server.url()}).error, "photos cannot be used"));
  for (const std::vector<std::string>& command : {std::vector<std::string>{"search", "x"}, {"list"}, {"ingest", folder.string()}}) {
    const auto outcome = run_clipdex(with(command, {"-c", "photos", "--server", server.url()}));
    CAPTURE(outcome.error);
    CHECK(outcome.exit_code == 1);
    CHECK(contains(outcome.error, "model"));
  }
  CHECK(run_clipdex({"ingest", folder.string(), "-c", "new", "--server", server.url()}).exit_code == 0);
  CHECK(server.stop() == 0);
  CHECK(ids_of(output_of({"list", "-c", "photos", "--json", "--data", data.string()})) == Ids{"rocket.png"});
}

TEST_CASE("Ctrl-C and SIGTERM end the server with exit code 0, and what it has stays") {
  for (const int number : {SIGINT, SIGTERM}) {
    const TemporaryDirectory directory;
    const auto data = directory.path() / "data";
    {
      RunningServer server(data);
      const auto picture = (kGallery / "rocket.png").string();
      REQUIRE(run_clipdex({"ingest", picture, "--server", server.url()}).exit_code == 0);
      server.process().signal(number);
      CHECK(server.process().wait() == 0);
      CHECK(contains(server.process().error(), "stopped"));
      CHECK(server.process().out().empty());
    }
    CHECK(output_of({"list", "--json", "--data", data.string()}).size() == 1);
  }
}

TEST_CASE("a server says which model, data directory and collections it has, and its address") {
  const TemporaryDirectory directory;
  const auto data = directory.path() / "data";
  output_of({"ingest", (kGallery / "rocket.png").string(), "--data", data.string(), "--json"});
  RunningServer server(data);
  const auto said = server.process().error();
  CHECK(contains(said, "model emoji-clip"));
  CHECK(contains(said, "data directory " + data.string() + ", 1 collection\n"));
  CHECK(contains(said, "images: 1 images"));
  CHECK(server.port() > 0);
}

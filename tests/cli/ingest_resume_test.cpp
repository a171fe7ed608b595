// "clipdex ingest" a second time: what is there is not sent again, and stopping loses nothing.
#include <catch2/catch_test_macros.hpp>

#include "tests/cli/collections.h"
#include "tests/datasets/tar_files.h"

namespace {

namespace fs = std::filesystem;
using namespace clipdex::tests;

std::size_t occurrences(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

}  // namespace

TEST_CASE("a second run sends a server nothing but what is new or has new metadata") {
  const TemporaryDirectory directory;
  const auto folder = copy_pictures(directory.path() / "pictures", {"lemon.png", "pizza.png", "rocket.png"});
  const auto metadata = directory.path() / "metadata.jsonl";
  std::ofstream(metadata) << R"({"file":"lemon.png","n":1,"a":[1.0]})";
  RunningServer server(directory.path() / "data");
  const std::vector<std::string> ingest = {"ingest", folder.string(), "--metadata", metadata.string(), "--server", server.url(), "--json"};
  const auto uploads = [&] { return occurrences(server.process().error(), "POST /v1/collections/images/images "); };
  CHECK(fates(run_clipdex(ingest)) == Fates{{"lemon.png", "created"}, {"pizza.png", "created"}, {"rocket.png", "created"}});
  CHECK(uploads() == 1);
  const auto again = run_clipdex(ingest);
  CHECK(again.exit_code == 0);
  CHECK(fates(again) == Fates{{"lemon.png", "unchanged"}, {"pizza.png", "unchanged"}, {"rocket.png", "unchanged"}});
  CHECK(ids_of(json_lines(again.out)) == Ids{"lemon.png", "pizza.png", "rocket.png"});
  CHECK(uploads() == 1);
  std::ofstream(metadata) << R"({"file":"lemon.png","n":2})";
  fs::copy_file(kGallery / "tomato.png", folder / "pizza.png", fs::copy_options::overwrite_existing);
  CHECK(fates(run_clipdex(ingest)) == Fates{{"lemon.png", "updated"}, {"pizza.png", "updated"}, {"rocket.png", "unchanged"}});
  CHECK(uploads() == 2);
  CHECK(output_of({"list", "--server", server.url(), "--json"}).at(0).at("metadata") == json{{"n", 2}});
}

TEST_CASE("Ctrl-C during the ingest of a shard keeps what was done, and the same command goes on from there") {
  const TemporaryDirectory directory;
  std::vector<TarEntry> entries;
  for (const auto& entry : fs::directory_iterator(kGallery)) {
    if (entry.path().extension() == ".png")
      entries.push_back({.name = entry.path().filename(), .bytes = read_file(entry.path()), .link = {}});
  }
  const auto shard = write_tar(directory.path() / "shard.tar", entries);
  const std::vector<std::string> target = {"--data", (directory.path() / "data").string()};
  ChildProcess ingest(with({kProgram, "ingest", shard.string(), "--json"}, target));
  while (!ingest.exit_code() && ingest.out().empty()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  ingest.signal(SIGINT);
  const int code = ingest.wait();
  const auto first = json_lines(ingest.out());
  CAPTURE(ingest.error());
  // It may have been quicker than the signal.
  CHECK(code == (first.size() == entries.size() ? 0 : 3));
  if (code == 3) CHECK(contains(ingest.error(), "stopped after " + std::to_string(first.size()) + " images"));
  CHECK(output_of(with({"list", "--json"}, target)).size() == first.size());
  const auto again = run_clipdex(with({"ingest", shard.string(), "--json"}, target));
  CHECK(again.exit_code == 0);
  CHECK(contains(again.error,
                 std::to_string(entries.size() - first.size()) + " created, 0 updated, " + std::to_string(first.size()) + " unchanged"));
}

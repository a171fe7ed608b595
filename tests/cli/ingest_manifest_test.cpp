// "clipdex ingest --manifest": JSON lines and tables that list pictures.
#include <catch2/catch_test_macros.hpp>

#include "tests/cli/collections.h"

namespace {

namespace fs = std::filesystem;
using namespace clipdex::tests;

std::map<std::string, json> metadata_by_id(const fs::path& data) {
  std::map<std::string, json> all;
  for (const auto& record : output_of({"list", "--json", "--data", data.string()})) all[record.at("id")] = record.at("metadata");
  return all;
}

// How an ingest of a manifest with that content ends.
Outcome ingest_manifest(const fs::path& scratch, const std::string& name, const std::string& content,
                        const std::vector<std::string>& more = {}) {
  std::ofstream(scratch / name, std::ios::binary) << content;
  return run_clipdex(with({"ingest", "--manifest", (scratch / name).string(), "--json", "--data", (scratch / "data").string(), "--errors",
                           (scratch / "e").string()},
                          more));
}

}  // namespace

TEST_CASE("JSON lines name pictures relative to the manifest, ids if they have them, and keep the rest as metadata") {
  const TemporaryDirectory directory;
  const auto scratch = directory.path();
  copy_pictures(scratch / "images", {"lemon.png", "pizza.png"});
  const auto outcome = ingest_manifest(scratch, "list.jsonl",
                                       "\xEF\xBB\xBF{\"file\":\"images/lemon.png\",\"caption\":\"柠檬\",\"tags\":[1,{\"a\":null}]}\r\n\n"
                                       "{\"filepath\":\"images/pizza.png\",\"id\":\"p\",\"caption\":\"one\"}\n"
                                       "{\"path\":\"images/pizza.png\",\"id\":12,\"caption\":\"two\"}\n"
                                       "{\"image\":\"" +
                                           (scratch / "images/pizza.png").string() + "\",\"id\":\"last\"}");
  CAPTURE(outcome.error);
  CHECK(outcome.exit_code == 0);
  CHECK(contains(outcome.error, "4 images in"));
  CHECK(metadata_by_id(scratch / "data") ==
        std::map<std::string, json>{{"images/lemon.png", {{"caption", "柠檬"}, {"tags", {1, {{"a", nullptr}}}}}},
                                    {"p", {{"caption", "one"}}},
                                    {"12", {{"caption", "two"}}},
                                    {"last", json::object()}});
}

TEST_CASE("a table's rows are read by RFC 4180, with values as strings, and --root says where the pictures are") {
  const TemporaryDirectory directory;
  const auto scratch = directory.path();
  const auto images = copy_pictures(scratch / "elsewhere", {"lemon.png", "pizza.png", "rocket.png"});
  auto outcome = ingest_manifest(scratch, "list.csv",
                                 "id,filepath,\"caption, short\",price\r\n"
                                 "l,lemon.png,\"a \"\"yellow\"\"\r\nlemon, whole\",007\r\n"
                                 "\r\n"
                                 ",pizza.png,,1.50\r\n",
                                 {"--root", images.string()});
  CAPTURE(outcome.error);
  CHECK(outcome.exit_code == 0);
  CHECK(metadata_by_id(scratch / "data") ==
        std::map<std::string, json>{{"l", {{"caption, short", "a \"yellow\"\nlemon, whole"}, {"price", "007"}}},
                                    {"pizza.png", {{"caption, short", ""}, {"price", "1.50"}}}});
  outcome = ingest_manifest(scratch, "list.tsv", "file\tcaption\nrocket.png\ta rocket, flying\n", {"--root", images.string()});
  CHECK(outcome.exit_code == 0);
  CHECK(metadata_by_id(scratch / "data").at("rocket.png") == json{{"caption", "a rocket, flying"}});
}

TEST_CASE("bad lines of a manifest are reported by their numbers and skipped") {
  const TemporaryDirectory directory;
  const auto scratch = directory.path();
  copy_pictures(scratch, {"lemon.png", "pizza.png"});
  auto outcome =
      ingest_manifest(scratch, "list.jsonl",
                      "{\"file\":\"lemon.png\"}\n{\"file\":\n[]\n{\"name\":\"x\"}\n{\"file\":7}\n{\"file\":\"nowhere.png\",\"id\":\"n\"}\n"
                      "{\"file\":\"lemon.png\",\"id\":[1]}\n{\"a\":\"" +
                          std::string(2 << 20, 'x') +
                          "\"}\n{\"file\":\"pizza.png\"}\n"
                          "{\"file\":\"pizza.png\",\"caption\":\"another\"}\n");
  CAPTURE(outcome.error);
  CHECK(outcome.exit_code == 3);
  CHECK(contains(outcome.error, "2 created, 0 updated, 0 unchanged, 8 failed"));
  const auto manifest = (scratch / "list.jsonl").string();
  std::vector<std::string> inputs, codes;
  for (const auto& error : json_lines(read_file(scratch / "e"))) {
    inputs.push_back(error.at("input"));
    codes.push_back(error.at("code"));
  }
  std::vector<std::string> expected;
  for (const auto* line : {"2", "3", "4", "5", "6", "7", "8", "10"}) expected.push_back(manifest + ":" + line);
  CHECK(inputs == expected);
  CHECK(codes == std::vector<std::string>{"invalid_line", "invalid_line", "invalid_line", "invalid_line", "unreadable_file", "invalid_line",
                                          "invalid_line", "duplicate_id"});

  outcome = ingest_manifest(scratch, "list.csv",
                            "file,caption\nlemon.png\nlemon.png,\"a\"b\nlemon.png,caf\xE9\npizza.png,good\nlemon.png,\"open\n");
  CAPTURE(outcome.error);
  CHECK(outcome.exit_code == 3);
  CHECK(contains(outcome.error, "0 created, 1 updated, 0 unchanged, 4 failed"));
  inputs.clear();
  for (const auto& error : json_lines(read_file(scratch / "e"))) inputs.push_back(error.at("input"));
  const auto table = (scratch / "list.csv").string();
  CHECK(inputs == std::vector<std::string>{table + ":2", table + ":3", table + ":4", table + ":6"});
}

TEST_CASE("a file over the limit is called too large whether a manifest lists it or it lies in a folder") {
  const TemporaryDirectory directory;
  const auto scratch = directory.path();
  fs::create_directories(scratch / "images");
  std::ofstream(scratch / "images/large.png") << "x";
  fs::resize_file(scratch / "images/large.png", (std::size_t{128} << 20) + 1);  // takes no room
  const auto listed = ingest_manifest(scratch, "list.csv", "file\nimages/large.png\nimages/none.png\n");
  CHECK(fates(listed) == Fates{{"images/large.png", "image_too_large"}, {"images/none.png", "unreadable_file"}});
  const auto found = run_clipdex({"ingest", (scratch / "images").string(), "--json", "--data", (scratch / "data").string()});
  CHECK(fates(found) == Fates{{"large.png", "image_too_large"}});
}

TEST_CASE("a manifest that cannot be used is refused before anything is done") {
  const TemporaryDirectory directory;
  const auto refused = [&](const std::string& name, const std::string& content, const std::string& word) {
    const auto outcome = ingest_manifest(directory.path(), name, content);
    CAPTURE(outcome.error);
    CHECK(outcome.exit_code == 2);
    CHECK(contains(outcome.error, word));
    CHECK(!fs::exists(directory.path() / "data"));
  };
  refused("list.txt", "lemon.png\n", ".jsonl, .csv and .tsv");
  refused("list.csv", "", "is empty");
  refused("list.csv", "name,caption\n", "filepath");
  refused("list.csv", "file,a,a\n", "two columns \"a\"");
  refused("list.csv", "file,\"a\n", "line 1");
  const auto nowhere = run_clipdex({"ingest", "--manifest", (directory.path() / "nowhere.csv").string()});
  CHECK(nowhere.exit_code == 2);
  CHECK(contains(nowhere.error, "nowhere.csv"));
  CHECK(run_clipdex({"ingest", directory.path().string(), "--root", "x"}).exit_code == 2);
}

TEST_CASE("an error file that cannot be written is refused before anything is done") {
  const TemporaryDirectory directory;
  const auto folder = copy_pictures(directory.path() / "pictures", {"lemon.png"});
  const auto data = directory.path() / "data";
  const auto outcome = run_clipdex({"ingest", folder.string(), "--data", data.string(), "--errors", "/nowhere/errors.jsonl"});
  CHECK(outcome.exit_code == 2);
  CHECK(contains(outcome.error, "/nowhere/errors.jsonl"));
  CHECK(!fs::exists(data));
}

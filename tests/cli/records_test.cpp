// Searching, listing, deleting and collections: the same on a data directory and on the server that has it.
#include <catch2/catch_test_macros.hpp>

#include "tests/cli/collections.h"
#include "tests/cli/golden_model.h"

namespace {

namespace fs = std::filesystem;
using namespace clipdex::tests;
using Target = std::vector<std::string>;

const std::vector<std::string> kPictures = {"lemon.png", "pizza.png", "red-apple.png", "rocket.png", "tomato.png"};

fs::path five_pictures(const fs::path& scratch) {
  output_of({"ingest", copy_pictures(scratch / "pictures", kPictures).string(), "--data", (scratch / "data").string(), "--json"});
  return scratch / "data";
}

// Runs the command on the data directory, then the same on a server that has it.
std::pair<Outcome, Outcome> on_both(const fs::path& data, const std::vector<std::string>& command) {
  auto local = run_clipdex(with(command, {"--data", data.string()}));
  const RunningServer server(data);
  return {std::move(local), run_clipdex(with(command, {"--server", server.url()}))};
}

void check_collections(const Target& target) {
  CHECK(output_of(with({"collection", "list"}, target)).empty());
  CHECK(run_clipdex(with({"collection", "create", "photos", "--store", "original"}, target)).exit_code == 0);
  CHECK(run_clipdex(with({"collection", "create", "photos", "--store", "original"}, target)).exit_code == 0);
  CHECK(run_clipdex(with({"collection", "create", "art"}, target)).exit_code == 0);
  auto outcome = run_clipdex(with({"collection", "create", "photos", "--store", "none"}, target));
  CHECK(outcome.exit_code == 1);
  CHECK(contains(outcome.error, "other settings"));
  outcome = run_clipdex(with({"collection", "create", "My Photos"}, target));
  CHECK(outcome.exit_code == 2);
  CHECK(contains(outcome.error, "My Photos"));

  const auto all = output_of(with({"collection", "list"}, target));
  REQUIRE(all.size() == 2);
  CHECK(all[0].at("name") == "art");
  const auto photos = output_of(with({"collection", "show", "photos"}, target)).at(0);
  CHECK(photos.at("settings").at("store") == "original");
  CHECK(photos.at("images") == 0);
  CHECK(photos.at("dimension") == 128);

  outcome = run_clipdex(with({"collection", "drop", "photos"}, target));
  CHECK(outcome.exit_code == 2);  // nobody is there to be asked
  CHECK(contains(outcome.error, "--yes"));
  CHECK(run_clipdex(with({"collection", "drop", "photos", "--yes"}, target)).exit_code == 0);
  for (const auto& command : {Target{"collection", "drop", "photos", "--yes"}, Target{"collection", "show", "photos"}}) {
    outcome = run_clipdex(with(command, target));
    CHECK(outcome.exit_code == 1);
    CHECK(contains(outcome.error, "\"photos\""));
  }
  CHECK(output_of(with({"collection", "list"}, target)).size() == 1);
}

void check_deleting(const Target& target) {
  auto outcome = run_clipdex(with({"delete", "lemon.png", "nowhere.png", "--json"}, target));
  CHECK(outcome.exit_code == 3);
  CHECK(json_lines(outcome.out) ==
        std::vector<json>{{{"id", "lemon.png"}, {"status", "deleted"}}, {{"id", "nowhere.png"}, {"status", "not_found"}}});
  CHECK(contains(outcome.error, "1 of 2 deleted"));
  CHECK(contains(outcome.error, "nowhere.png"));
  CHECK(run_clipdex(with({"delete", "lemon.png"}, target)).exit_code == 1);
  CHECK(run_clipdex(with({"delete", "[pizza.png]"}, target)).exit_code == 1);  // brackets are part of an id
  CHECK(run_clipdex(with({"delete", "pizza.png", "rocket.png"}, target)).exit_code == 0);
  CHECK(ids_of(output_of(with({"list", "--json"}, target))) == Ids{"red-apple.png", "tomato.png"});
  CHECK(output_of(with({"stats", "--json"}, target)).at(0).at("images") == 2);
}

}  // namespace

TEST_CASE("a search by text, picture, id or vector has the same hits on a data directory and on a server") {
  const TemporaryDirectory directory;
  const auto data = five_pictures(directory.path());
  const auto vector = directory.path() / "vector.json", line = directory.path() / "line.json", npy = directory.path() / "vector.npy";
  std::ofstream(line) << run_clipdex({"embed", "--text", "a red apple"}).out;
  const auto embedding = json::parse(read_file(line)).at("embedding");
  std::ofstream(vector) << embedding;
  write_npy(npy, {128}, embedding.get<std::vector<float>>());
  const std::vector<std::vector<std::string>> searches = {{"a red apple"},
                                                          {"--image", (kGallery / "red-apple.png").string()},
                                                          {"--id", "red-apple.png"},
                                                          {"--vector", vector.string()},
                                                          {"--vector", line.string()},
                                                          {"--vector", npy.string()},
                                                          {"a red apple", "-n", "2", "--offset", "1", "--exact"},
                                                          {"a red apple", "--min-score", "0.3"}};
  std::vector<std::vector<json>> local;
  local.reserve(searches.size());
  for (const auto& search : searches) local.push_back(output_of(with({"search", "--json", "--data", data.string()}, search)));
  const RunningServer server(data);
  for (std::size_t i = 0; i < searches.size(); ++i) {
    CHECK(output_of(with({"search", "--json", "--server", server.url()}, searches[i])) == local[i]);
  }
  for (std::size_t i = 0; i < 6; ++i) {
    CHECK(ids_of(local[i]).at(0) == "red-apple.png");
    CHECK(local[i].size() == 5);
  }
  CHECK(local[1][0].at("score").get<double>() > 0.9999);
  CHECK(local[3] == local[4]);
  CHECK(local[3] == local[5]);
  CHECK(ids_of(local[6]) == Ids{local[0][1].at("id"), local[0][2].at("id")});
  REQUIRE(!local[7].empty());
  CHECK(local[7].size() < 5);
  for (const auto& hit : local[7]) CHECK(hit.at("score").get<double>() >= 0.3);
}

TEST_CASE("a search for people is a table of score, id, size and caption") {
  const TemporaryDirectory directory;
  const auto data = five_pictures(directory.path());
  const auto [local, remote] = on_both(data, {"search", "a red apple", "-n", "1"});
  CHECK(local.out.starts_with("score  id             size     caption\n0."));
  CHECK(contains(local.out, "  red-apple.png  128x128  red-apple.png\n"));
  CHECK(local.out == remote.out);
  CHECK(contains(local.error, "1 hits in "));
}

TEST_CASE("a vector that cannot be searched with is refused with the file's name and the reason") {
  const TemporaryDirectory directory;
  const auto refused = [&](const fs::path& file, const std::string& reason) {
    const auto outcome = run_clipdex({"search", "--vector", file.string(), "--server", "http://127.0.0.1:1"});
    CAPTURE(outcome.error);
    CHECK(outcome.exit_code == 2);
    CHECK(contains(outcome.error, file.string()));
    CHECK(contains(outcome.error, reason));
  };
  const auto text = directory.path() / "vector.json", npy = directory.path() / "vector.npy";
  refused(text, "No such file");
  for (const auto* content : {"[]", "[1,NaN]", "{\"embedding\":5}"}) {
    std::ofstream(text) << content;
    refused(text, "JSON array of numbers");
  }
  std::ofstream(text) << "[1e300]";
  refused(text, "not finite");
  write_npy(npy, {2}, std::vector<float>{1, std::nanf("")});
  refused(npy, "not finite");
  write_npy(npy, {2, 64}, std::vector<float>(128, 1.0F));
  refused(npy, "not one vector");
}

TEST_CASE("a vector of another dimension or of length zero is wrong use on a data directory and on a server") {
  const TemporaryDirectory directory;
  const auto data = five_pictures(directory.path());
  const auto file = directory.path() / "vector.json";
  std::ofstream(file) << "[1,2,3]";
  auto [local, remote] = on_both(data, {"search", "--vector", file.string()});
  for (const auto& outcome : {local, remote}) {
    CHECK(outcome.exit_code == 2);
    CHECK(contains(outcome.error, "128"));
  }
  std::ofstream(file) << json(std::vector<int>(128, 0));
  std::tie(local, remote) = on_both(data, {"search", "--vector", file.string()});
  for (const auto& outcome : {local, remote}) {
    CHECK(outcome.exit_code == 2);
    CHECK(contains(outcome.error, "zero"));
  }
}

TEST_CASE("an unknown id, an unknown collection and a damaged query picture fail alike on a data directory and on a server") {
  const TemporaryDirectory directory;
  const auto data = five_pictures(directory.path());
  const auto picture = directory.path() / "cut.png";
  std::ofstream(picture) << gallery_file("lemon.png").substr(0, 300);
  const std::vector<std::vector<std::string>> commands = {{"search", "--id", "nowhere.png"},
                                                          {"search", "x", "-c", "nowhere"},
                                                          {"list", "-c", "nowhere"},
                                                          {"delete", "x", "-c", "nowhere"},
                                                          {"search", "--image", picture.string()}};
  std::vector<std::string> local;
  for (const auto& command : commands) {
    const auto outcome = run_clipdex(with(command, {"--data", data.string()}));
    CHECK(outcome.exit_code == 1);
    CHECK(outcome.out.empty());
    local.push_back(outcome.error);
  }
  CHECK(contains(local[0], "nowhere.png"));
  CHECK(contains(local[4], picture.string()));
  for (std::size_t i = 1; i <= 3; ++i) CHECK(contains(local[i], "there is no collection \"nowhere\": \"clipdex ingest\" makes it"));
  const RunningServer server(data);
  for (std::size_t i = 0; i < commands.size(); ++i) {
    const auto outcome = run_clipdex(with(commands[i], {"--server", server.url()}));
    CHECK(outcome.exit_code == 1);
    CHECK(outcome.error == local[i]);
  }
}

TEST_CASE("a list for people has a line a picture, in order of the ids") {
  const TemporaryDirectory directory;
  const auto [local, remote] = on_both(five_pictures(directory.path()), {"list", "-n", "2"});
  CHECK(local.out.starts_with("lemon.png\t128x128\tpng\t"));
  CHECK(contains(local.out, "\npizza.png\t"));
  CHECK(std::count(local.out.begin(), local.out.end(), '\n') == 2);
  CHECK(local.out == remote.out);
}

TEST_CASE("deleting tells what was there, in a data directory") {
  const TemporaryDirectory directory;
  check_deleting({"--data", five_pictures(directory.path()).string()});
}

TEST_CASE("deleting tells what was there, on a server") {
  const TemporaryDirectory directory;
  const RunningServer server(five_pictures(directory.path()));
  check_deleting({"--server", server.url()});
}

TEST_CASE("collections are made, shown, listed and dropped in a data directory") {
  const TemporaryDirectory directory;
  fs::create_directories(directory.path() / "data");
  check_collections({"--data", (directory.path() / "data").string()});
}

TEST_CASE("collections are made, shown, listed and dropped on a server") {
  const TemporaryDirectory directory;
  const RunningServer server(directory.path() / "data");
  check_collections({"--server", server.url()});
}

TEST_CASE("statistics are a table for people and JSON lines for programs") {
  const TemporaryDirectory directory;
  const auto data = five_pictures(directory.path());
  const auto table = run_clipdex({"stats", "--data", data.string()});
  CHECK(table.exit_code == 0);
  CHECK(table.out.starts_with("collection  images  disk"));
  CHECK(contains(table.out, "\nimages      5"));
  const auto [local, remote] = on_both(data, {"stats", "--json"});
  CHECK(json_lines(local.out).at(0).at("images") == 5);
  CHECK(json_lines(remote.out).at(0).at("model") == json_lines(local.out).at(0).at("model"));
}

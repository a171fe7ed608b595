// "clipdex ingest" when all goes well: into a data directory and to a server alike.
#include <catch2/catch_test_macros.hpp>

#include "tests/cli/collections.h"

namespace {

namespace fs = std::filesystem;
using namespace clipdex::tests;

// Creates, keeps and replaces pictures with the options of a target, and checks what is said.
void check_life_of_a_folder(const fs::path& scratch, const std::vector<std::string>& target) {
  const auto folder = copy_pictures(scratch / "pictures", {"airplane.png", "avocado.png"});
  copy_pictures(folder / "sub/deeper", {"basket.png"});
  const auto ingest = with({"ingest", folder.string(), "--json"}, target);
  auto outcome = run_clipdex(ingest);
  CAPTURE(outcome.error);
  CHECK(outcome.exit_code == 0);
  CHECK(fates(outcome) == Fates{{"airplane.png", "created"}, {"avocado.png", "created"}, {"sub/deeper/basket.png", "created"}});
  CHECK(contains(outcome.error, "3 of 3 images"));
  CHECK(contains(outcome.error, "3 created, 0 updated, 0 unchanged, 0 failed"));

  fs::copy_file(kGallery / "rocket.png", folder / "avocado.png", fs::copy_options::overwrite_existing);
  copy_pictures(folder, {"lemon.png"});
  outcome = run_clipdex(ingest);
  CHECK(outcome.exit_code == 0);
  CHECK(fates(outcome) ==
        Fates{{"airplane.png", "unchanged"}, {"avocado.png", "updated"}, {"lemon.png", "created"}, {"sub/deeper/basket.png", "unchanged"}});
  CHECK(contains(outcome.error, "1 created, 1 updated, 2 unchanged, 0 failed"));
  CHECK(ids_of(output_of(with({"list", "--json"}, target))) == Ids{"airplane.png", "avocado.png", "lemon.png", "sub/deeper/basket.png"});
  CHECK(ids_of(output_of(with({"search", "rocket", "-n", "1", "--json"}, target))) == Ids{"avocado.png"});
}

void check_metadata(const fs::path& scratch, const std::vector<std::string>& target) {
  const auto folder = copy_pictures(scratch / "pictures", {"airplane.png", "avocado.png"});
  const auto file = scratch / "metadata.jsonl";
  std::ofstream(file) << R"({"file":"airplane.png","caption":"飞机","year":2024})" << "\n\n"
                      << R"({"file":"nowhere.png","caption":"x"})" << '\n';
  const auto ingest = with({"ingest", folder.string(), "--metadata", file.string(), "--json"}, target);
  auto outcome = run_clipdex(ingest);
  CHECK(outcome.exit_code == 0);
  CHECK(contains(outcome.error, "nowhere.png"));
  auto records = output_of(with({"list", "--json"}, target));
  REQUIRE(records.size() == 2);
  CHECK(records[0].at("metadata") == json{{"caption", "飞机"}, {"year", 2024}});
  CHECK(records[1].at("metadata") == json::object());
  std::ofstream(file) << R"({"file":"airplane.png","caption":"a plane"})";
  CHECK(fates(run_clipdex(ingest)) == Fates{{"airplane.png", "updated"}, {"avocado.png", "unchanged"}});
  records = output_of(with({"list", "--json"}, target));
  CHECK(records.at(0).at("metadata") == json{{"caption", "a plane"}});
}

}  // namespace

TEST_CASE("a folder is ingested into a data directory, and again after it has changed") {
  const TemporaryDirectory directory;
  check_life_of_a_folder(directory.path(), {"--data", (directory.path() / "data").string()});
}

TEST_CASE("a folder is ingested to a server, and again after it has changed") {
  const TemporaryDirectory directory;
  const RunningServer server(directory.path() / "data");
  check_life_of_a_folder(directory.path(), {"--server", server.url()});
}

TEST_CASE("metadata lines become the pictures' metadata in a data directory, and names of no picture are pointed out") {
  const TemporaryDirectory directory;
  check_metadata(directory.path(), {"--data", (directory.path() / "data").string()});
}

TEST_CASE("metadata lines become the pictures' metadata on a server, and names of no picture are pointed out") {
  const TemporaryDirectory directory;
  const RunningServer server(directory.path() / "data");
  check_metadata(directory.path(), {"--server", server.url()});
}

TEST_CASE("a file that is named itself is taken whatever its ending, and its id is its own name") {
  const TemporaryDirectory directory;
  const auto file = directory.path() / "a picture.dat";
  fs::copy_file(kGallery / "rocket.png", file);
  const auto data = (directory.path() / "data").string();
  CHECK(fates(run_clipdex({"ingest", file.string(), "--data", data, "--json"})) == Fates{{"a picture.dat", "created"}});
  CHECK(ids_of(output_of({"list", "--data", data, "--json"})) == Ids{"a picture.dat"});
}

TEST_CASE("with --id-from hash the ids are content hashes, and a copy under another name is unchanged") {
  const TemporaryDirectory directory;
  const auto folder = copy_pictures(directory.path() / "pictures", {"rocket.png"});
  fs::copy_file(kGallery / "rocket.png", folder / "s.png");
  const auto lines = output_of({"ingest", folder.string(), "--data", (directory.path() / "data").string(), "--id-from", "hash", "--json"});
  REQUIRE(lines.size() == 2);
  CHECK(lines[0].at("id").get<std::string>().size() == 32);
  CHECK(lines[0].at("id") == lines[1].at("id"));
  CHECK(lines[0].at("status") == "created");
  CHECK(lines[1].at("status") == "unchanged");
}

TEST_CASE("an ingest into a data directory ends when the index is built") {
  const TemporaryDirectory directory;
  const auto folder = directory.path() / "pictures", data = directory.path() / "data";
  // More than one sealed segment of the index holds; of the same bytes, so that few of them are encoded.
  constexpr int kCopies = 22;
  int files = 0;
  for (int copy = 0; copy < kCopies; ++copy) {
    const auto place = folder / std::to_string(copy);
    fs::create_directories(place);
    for (const auto& entry : fs::directory_iterator(kGallery)) {
      if (entry.path().extension() != ".png") continue;
      fs::create_symlink(entry.path(), place / entry.path().filename());
      ++files;
    }
  }
  REQUIRE(run_clipdex({"collection", "create", "many", "--index", "hnsw", "--data", data.string()}).exit_code == 0);
  const auto outcome = run_clipdex({"ingest", folder.string(), "-c", "many", "--data", data.string()});
  CAPTURE(outcome.error);
  REQUIRE(outcome.exit_code == 0);
  const auto statistics = output_of({"stats", "--data", data.string(), "--json"});
  REQUIRE(statistics.size() == 1);
  CHECK(statistics[0].at("images") == files);
  const auto& index = statistics[0].at("index");
  CHECK(index.at("types").value("hnsw", 0) >= 8192);
  CHECK(index.at("types").value("flat", 0) == 0);
}

TEST_CASE("hidden files, other kinds of files and links to folders are left out of a folder") {
  const TemporaryDirectory directory;
  const auto folder = copy_pictures(directory.path() / "pictures", {"rocket.png"});
  copy_pictures(folder / ".thumbnails", {"lemon.png"});
  fs::copy_file(kGallery / "lemon.png", folder / ".hidden.png");
  fs::copy_file(kGallery / "lemon.png", folder / "pear.PNG");
  std::ofstream(folder / "notes.txt") << "notes";
  fs::create_directory_symlink(".", folder / "loop");
  const auto outcome = run_clipdex({"ingest", folder.string(), "--data", (directory.path() / "data").string(), "--json"});
  CHECK(outcome.exit_code == 0);
  CHECK(fates(outcome) == Fates{{"pear.PNG", "created"}, {"rocket.png", "created"}});
}

TEST_CASE("a folder whose name is in brackets or in another script is one folder") {
  const TemporaryDirectory directory;
  const auto root = directory.path() / "pictures", data = directory.path() / "data";
  copy_pictures(root / "[2019,2020]", {"rocket.png"});
  copy_pictures(root / "[2019,2020]/图片 ☂", {"lemon.png"});
  // Relative, so that the argument itself begins with a bracket.
  const auto outcome =
      run_shell("cd '" + root.string() + "' && exec \"$clipdex\" ingest '[2019,2020]' --json --data '" + data.string() + "'");
  CAPTURE(outcome.error);
  CHECK(outcome.exit_code == 0);
  CHECK(fates(outcome) == Fates{{"rocket.png", "created"}, {"图片 ☂/lemon.png", "created"}});
}

TEST_CASE("more pictures than fit into one request arrive all, in order and once each") {
  const TemporaryDirectory directory;
  const auto folder = directory.path() / "pictures";
  fs::create_directories(folder);
  Ids expected;
  for (int i = 100; i < 300; ++i) {
    expected.push_back(std::to_string(i) + ".png");
    fs::create_symlink(kGallery / "rocket.png", folder / expected.back());
  }
  const RunningServer server(directory.path() / "data");
  const auto lines = output_of({"ingest", folder.string(), "--server", server.url(), "--json"});
  CHECK(ids_of(lines) == expected);
  CHECK(ids_of(output_of({"list", "--server", server.url(), "--json"})) == expected);
  CHECK(ids_of(output_of({"list", "--server", server.url(), "--json", "-n", "150"})) == Ids(expected.begin(), expected.begin() + 150));
}

#include "demo/gallery.h"

#include <archive.h>
#include <archive_entry.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "encoder/image_decoder.h"
#include "tests/demo/emoji.h"
#include "tests/gallery.h"
#include "tests/temporary_directory.h"

using namespace clipdex;
namespace fs = std::filesystem;

namespace {

demo::GalleryOptions small_options(demo::SetKind kind, std::size_t count) {
  demo::GalleryOptions options{.sources = tests::emoji_sources()};
  options.set.kind = kind;
  options.set.count = count;
  options.side = 48;
  return options;
}

// Names to bytes.
std::map<std::string, std::string> files_in(const fs::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::directory_iterator(folder)) files[entry.path().filename().string()] = tests::read_file(entry.path());
  return files;
}

std::map<std::string, std::string> members_of(const fs::path& tar) {
  std::map<std::string, std::string> members;
  ::archive* reader = ::archive_read_new();
  ::archive_read_support_format_tar(reader);
  REQUIRE(::archive_read_open_filename(reader, tar.c_str(), 10'240) == ARCHIVE_OK);
  ::archive_entry* entry = nullptr;
  while (::archive_read_next_header(reader, &entry) == ARCHIVE_OK) {
    std::string bytes(static_cast<std::size_t>(::archive_entry_size(entry)), '\0');
    REQUIRE(::archive_read_data(reader, bytes.data(), bytes.size()) == static_cast<la_ssize_t>(bytes.size()));
    members[::archive_entry_pathname(entry)] = bytes;
  }
  ::archive_read_free(reader);
  return members;
}

}  // namespace

TEST_CASE("the same seed makes the same bytes, however many threads draw; another seed makes others") {
  const tests::TemporaryDirectory directory;
  auto options = small_options(demo::SetKind::kTraining, 700);
  options.tar = true;
  options.threads = 1;
  demo::make_gallery(directory.path() / "one", options);
  options.threads = 5;
  demo::make_gallery(directory.path() / "five", options);
  options.set.seed = 2;
  demo::make_gallery(directory.path() / "other", options);
  CHECK(files_in(directory.path() / "one") == files_in(directory.path() / "five"));
  CHECK(files_in(directory.path() / "one") != files_in(directory.path() / "other"));
}

TEST_CASE("tars and files hold the same samples") {
  const tests::TemporaryDirectory directory;
  auto options = small_options(demo::SetKind::kTraining, 25);
  demo::make_gallery(directory.path() / "files", options);
  options.tar = true;
  options.samples_per_shard = 10;
  demo::make_gallery(directory.path() / "tars", options);
  std::map<std::string, std::string> members;
  for (const auto* shard : {"shard-000000.tar", "shard-000001.tar", "shard-000002.tar"})
    members.merge(members_of(directory.path() / "tars" / shard));
  CHECK(files_in(directory.path() / "tars").size() == 3);
  CHECK(members.size() == 50);
  std::ifstream manifest(directory.path() / "files/metadata.jsonl");
  int lines = 0;
  for (std::string line; std::getline(manifest, line); ++lines) {
    auto metadata = nlohmann::json::parse(line);
    const std::string file = metadata.at("file");
    CHECK(members.at(file) == tests::read_file(directory.path() / "files" / file));
    metadata.erase("file");
    CHECK(metadata == nlohmann::json::parse(members.at(fs::path(file).stem().string() + ".json")));
  }
  CHECK(lines == 25);
}

TEST_CASE("a gallery shows each emoji once by its name, then scenes, with what a page displays") {
  const tests::TemporaryDirectory directory;
  const auto report = demo::make_gallery(directory.path() / "gallery", small_options(demo::SetKind::kGallery, 1400));
  CHECK(report.pictures == 1400);
  std::ifstream manifest(directory.path() / "gallery/metadata.jsonl");
  std::set<std::string> files;
  std::size_t singles = 0;
  bool cat_and_pizza = false;
  for (std::string line; std::getline(manifest, line);) {
    const auto metadata = nlohmann::json::parse(line);
    INFO(line);
    CHECK(files.insert(metadata.at("file")).second);
    CHECK(!metadata.at("caption").get<std::string>().empty());
    CHECK(!metadata.at("caption_zh").get<std::string>().empty());
    CHECK(metadata.at("keywords").is_array());
    if (metadata.at("kind") == "single") ++singles;
    cat_and_pizza = cat_and_pizza || metadata.at("emoji") == nlohmann::json{"🐈", "🍕"};
  }
  CHECK(singles == report.emoji);
  CHECK(files.size() == 1400);
  CHECK(cat_and_pizza);
  CHECK(files.contains("red-apple.jpg"));
  const auto bytes = tests::read_file(directory.path() / "gallery/red-apple.jpg");
  const auto image = encoder::decode_image({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
  CHECK(image.width == 48);
  CHECK(image.height == 48);
}

TEST_CASE("an existing folder stays as it is, unless it is to be replaced") {
  const tests::TemporaryDirectory directory;
  const auto out = directory.path() / "out";
  fs::create_directory(out);
  std::ofstream(out / "mine") << "text";
  auto options = small_options(demo::SetKind::kTraining, 3);
  CHECK_THROWS_AS(demo::make_gallery(out, options), std::invalid_argument);
  CHECK(tests::read_file(out / "mine") == "text");
  options.replace = true;
  demo::make_gallery(out, options);
  CHECK_FALSE(fs::exists(out / "mine"));
  CHECK(fs::exists(out / "metadata.jsonl"));
}

TEST_CASE("a language without sentences has names and keywords") {
  const tests::TemporaryDirectory directory;
  auto options = small_options(demo::SetKind::kTraining, 60);
  options.languages = {"it", "pt-PT"};
  demo::make_gallery(directory.path() / "out", options);
  std::ifstream manifest(directory.path() / "out/metadata.jsonl");
  int captions = 0;
  for (std::string line; std::getline(manifest, line);) {
    const auto metadata = nlohmann::json::parse(line);
    captions += metadata.contains("caption") && metadata.contains("caption_pt_PT") ? 1 : 0;
  }
  CHECK(captions > 0);
}

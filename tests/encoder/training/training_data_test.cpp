// The same pairs in every format that a dataset comes in, and validation beside them.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <string>
#include <vector>

#include "tests/datasets/tar_files.h"
#include "tests/encoder/training/tiny_training.h"

namespace {

namespace fs = std::filesystem;
namespace training = clipdex::training;
using namespace clipdex::tests;
using Catch::Matchers::ContainsSubstring;
using nlohmann::json;

constexpr std::size_t kPairs = 32;

std::vector<TarEntry> tar_of_pairs() {
  std::vector<TarEntry> entries;
  for (std::size_t i = 0; i < kPairs; ++i) {
    const auto key = std::to_string(i);
    entries.push_back({.name = key + ".jpg", .bytes = square_picture(i), .link = {}});
    entries.push_back({.name = key + ".txt", .bytes = square_caption(i), .link = {}});
  }
  return entries;
}

// Beside the pictures of write_pairs(); returns what train takes.
fs::path write_as(const std::string& format, const fs::path& directory) {
  if (format == "webdataset") return write_tar(directory / "pairs.tar", tar_of_pairs());
  std::string text;
  json images = json::array(), annotations = json::array();
  for (std::size_t i = 0; i < kPairs; ++i) {
    const auto name = std::to_string(i) + ".jpg";
    const auto caption = square_caption(i);
    if (format == "csv") text += (i == 0 ? "filepath,title\n" : "") + name + ",\"" + caption + "\"\n";
    if (format == "tsv") text += (i == 0 ? "filepath\ttitle\n" : "") + name + "\t" + caption + "\n";
    if (format == "Flickr30k") text += (i == 0 ? "image_name| comment_number| comment\n" : "") + name + "| 0| " + caption + "\n";
    if (format == "COCO") {
      images.push_back({{"id", i}, {"file_name", name}});
      annotations.push_back({{"image_id", i}, {"caption", caption}});
    }
    if (format == "Karpathy") images.push_back({{"filename", name}, {"split", "train"}, {"sentences", {{{"raw", caption}}}}});
  }
  json document = {{"images", images}};
  if (format == "COCO") document["annotations"] = annotations;
  const auto file = directory / (format == "tsv" ? "list.tsv" : text.empty() ? "captions.json" : "results.csv");
  write_file(file, text.empty() ? document.dump() : text);
  return file;
}

}  // namespace

TEST_CASE("a training takes the same course whatever format its pairs come in") {
  const TemporaryDirectory data, out, other;
  auto options = tiny_training(data, out, kPairs);
  options.steps = 4;
  training::train(options);
  const std::string format = GENERATE("webdataset", "csv", "tsv", "Flickr30k", "COCO", "Karpathy");
  INFO(format);
  auto same = tiny_training_on(write_as(format, data.path()), data, other);
  same.steps = 4;
  training::train(same);
  CHECK(course(same.out) == course(options.out));
}

TEST_CASE("of a shard that is cut off the whole samples are trained on, and the rest is named") {
  const TemporaryDirectory data, out;
  const auto tar = write_as("webdataset", data.path());
  fs::resize_file(tar, fs::file_size(tar) * 3 / 4);
  auto options = tiny_training_on(tar, data, out);
  options.steps = 3;  // beyond the first epoch
  const auto result = training::train(options);
  CHECK(result.finished);
  CHECK(result.bad_samples == 1);
  CHECK_THAT(lines_of(options.out / "bad_samples.jsonl").at(0).at("where").get<std::string>(), ContainsSubstring("pairs.tar"));
}

TEST_CASE("pictures with a label alone do not count in a recall") {
  const TemporaryDirectory data, out, other;
  constexpr std::size_t kValidated = 64;  // no two of them the same
  auto options = tiny_training(data, out, kValidated);
  options.steps = 30;
  options.validation.words = {(data.path() / "pairs.jsonl").string()};
  const auto expected = training::train(options).validation;
  REQUIRE(expected);
  CHECK(expected->images == kValidated);
  CHECK(expected->text_to_image[2] > 0);
  // The same pictures, and each twice more with a label: more than are encoded at once.
  std::string lines;
  for (std::size_t i = 0; i < kValidated; ++i) {
    const auto name = std::to_string(i) + ".jpg";
    for (int twice = 0; twice < 2; ++twice) lines += json{{"file", name}, {"label", "square"}}.dump() + "\n";
    lines += json{{"file", name}, {"caption", square_caption(i)}}.dump() + "\n";
  }
  write_file(data.path() / "mixed.jsonl", lines);
  options.validation.words = {(data.path() / "mixed.jsonl").string()};
  options.out = other.path() / "run";
  const auto found = training::train(options).validation;
  REQUIRE(found);
  CHECK(found->images == kValidated);
  CHECK(found->captions == kValidated);
  CHECK(found->text_to_image == expected->text_to_image);
  CHECK(found->image_to_text == expected->image_to_text);
}

TEST_CASE("validation data with labels alone is refused before the first step") {
  const TemporaryDirectory data, out;
  auto options = tiny_training(data, out, 20);
  write_file(data.path() / "labels.jsonl", json{{"file", "0.jpg"}, {"label", "square"}}.dump() + "\n");
  options.validation.words = {(data.path() / "labels.jsonl").string()};
  CHECK_THAT(failure_of(options), ContainsSubstring("labels.jsonl") && ContainsSubstring("caption"));
}

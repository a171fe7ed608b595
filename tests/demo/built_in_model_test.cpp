// The model in models/: its size, and that it finds what its card says it finds.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>
#include <string>
#include <vector>

#include "demo/gallery.h"
#include "encoder/clip_encoder.h"
#include "encoder/image_decoder.h"
#include "tests/demo/emoji.h"
#include "tests/gallery.h"
#include "tests/temporary_directory.h"

namespace {

using namespace clipdex;
namespace fs = std::filesystem;

const fs::path kBuiltIn = fs::path(CLIPDEX_SOURCE_DIR) / "models/emoji-clip";

// In percent: of the captions whose picture is among the first 1 and 10.
struct Recall {
  double first = 0, ten = 0;
};

struct Set {
  std::vector<encoder::Image> pictures;
  std::vector<std::string> english, chinese;
};

Set draw(demo::SetKind kind, std::uint64_t seed, const fs::path& folder) {
  demo::GalleryOptions options{.sources = tests::emoji_sources()};
  options.set.kind = kind;
  options.set.seed = seed;
  options.side = 96;
  demo::make_gallery(folder, options);
  Set set;
  std::ifstream list(folder / "metadata.jsonl");
  for (std::string line; std::getline(list, line);) {
    const auto entry = nlohmann::json::parse(line);
    const auto bytes = tests::read_file(folder / entry.at("file").get<std::string>());
    set.pictures.push_back(encoder::decode_image({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}));
    set.english.push_back(entry.at("caption"));
    set.chinese.push_back(entry.at("caption_zh"));
  }
  return set;
}

Recall recall(const encoder::Embeddings& pictures, const encoder::Embeddings& texts, std::size_t count) {
  std::size_t first = 0, ten = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const auto text = texts.row(i);
    const auto score = [&](std::size_t j) { return std::inner_product(text.begin(), text.end(), pictures.row(j).begin(), 0.0F); };
    const float own = score(i);
    std::size_t better = 0;
    for (std::size_t j = 0; j < count; ++j) better += j != i && score(j) >= own ? 1 : 0;
    first += better == 0 ? 1 : 0;
    ten += better < 10 ? 1 : 0;
  }
  return {.first = 100.0 * static_cast<double>(first) / static_cast<double>(count),
          .ten = 100.0 * static_cast<double>(ten) / static_cast<double>(count)};
}

}  // namespace

TEST_CASE("the built-in model is small enough for a repository") {
  std::uintmax_t bytes = 0;
  for (const auto& entry : fs::directory_iterator(kBuiltIn)) bytes += entry.file_size();
  CHECK(bytes <= 12'000'000);
}

TEST_CASE("the built-in model finds what its card says") {
  const tests::TemporaryDirectory directory;
  const encoder::ClipEncoder model(kBuiltIn);
  // Other backgrounds, sizes and places than the card's: a little less is the same.
  constexpr double kSlack = 2;
  const auto singles = draw(demo::SetKind::kSingles, 4321, directory.path() / "singles");
  REQUIRE(singles.pictures.size() > 1'000);
  const auto pictures = model.encode_images(singles.pictures);
  const auto english = recall(pictures, model.encode_texts(singles.english), singles.pictures.size());
  CHECK(english.first >= 88.7 - kSlack);
  CHECK(english.ten >= 99.9 - kSlack);
  const auto chinese = recall(pictures, model.encode_texts(singles.chinese), singles.pictures.size());
  CHECK(chinese.first >= 89.4 - kSlack);
  CHECK(chinese.ten >= 99.9 - kSlack);
  const auto pairs = draw(demo::SetKind::kPairs, 4321, directory.path() / "pairs");
  REQUIRE(pairs.pictures.size() == 1'000);
  CHECK(recall(model.encode_images(pairs.pictures), model.encode_texts(pairs.english), 1'000).ten >= 99.3 - kSlack);
}

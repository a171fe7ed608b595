#include "encoder/training/batch_loader.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "tests/encoder/training/sample_pairs.h"
#include "tests/temporary_directory.h"

namespace {

namespace fs = std::filesystem;
namespace training = clipdex::training;
namespace datasets = clipdex::datasets;
using clipdex::tests::TemporaryDirectory;

clipdex::encoder::Preprocessing small_pictures() {
  clipdex::encoder::Preprocessing preprocessing;
  preprocessing.width = preprocessing.height = preprocessing.resize_to = 16;
  return preprocessing;
}

clipdex::encoder::Tokenizer openai_tokenizer() {
  return clipdex::encoder::Tokenizer::open(fs::path(CLIPDEX_SOURCE_DIR) / "tests/data/bpe_simple_vocab_16e6.txt.gz");
}

training::LoaderOptions loader_options(std::size_t ahead) {
  return {.batch = 8, .threads = 2, .ahead = ahead, .crop_scale_min = 0.5, .shuffle = {.seed = 3, .samples = 10}};
}

}  // namespace

TEST_CASE("batches that are made ahead are those that are made when they are asked for") {
  const TemporaryDirectory data;
  const auto dataset = datasets::Dataset::open({clipdex::tests::write_pairs(data.path(), 20).string()}, {});
  const auto tokenizer = openai_tokenizer();
  training::BatchLoader asked(dataset, tokenizer, small_pictures(), loader_options(0));
  training::BatchLoader ahead(dataset, tokenizer, small_pictures(), loader_options(3));
  for (int i = 0; i < 7; ++i) {
    const auto one = asked.next(), other = ahead.next();
    REQUIRE(one.pairs == 8);
    CHECK(one.pixels == other.pixels);
    CHECK(one.tokens == other.tokens);
    CHECK(one.after == other.after);
  }
}

TEST_CASE("a loader that made batches ahead can be left with them, and gone on from where the last one that was taken ends") {
  const TemporaryDirectory data;
  const auto dataset = datasets::Dataset::open({clipdex::tests::write_pairs(data.path(), 20).string()}, {});
  const auto tokenizer = openai_tokenizer();
  training::DataPosition after;
  std::vector<std::vector<std::int32_t>> expected;
  {
    training::BatchLoader ahead(dataset, tokenizer, small_pictures(), loader_options(3));
    ahead.next();
    after = ahead.next().after;
    expected = ahead.next().tokens;
  }
  training::BatchLoader resumed(dataset, tokenizer, small_pictures(), loader_options(3), after);
  CHECK(resumed.next().tokens == expected);
}

TEST_CASE("what goes wrong while a batch is made ahead is told to whom asks for it") {
  const TemporaryDirectory data;
  const auto dataset = datasets::Dataset::open({clipdex::tests::write_pairs(data.path(), 5).string()}, {});
  const auto tokenizer = openai_tokenizer();
  training::BatchLoader ahead(dataset, tokenizer, small_pictures(), loader_options(2));
  CHECK_THROWS_AS(ahead.next(), training::DataError);
}

TEST_CASE("with unique captions no caption stands in a batch twice") {
  const TemporaryDirectory data;
  std::string lines;
  for (std::size_t i = 0; i < 24; ++i) {
    const auto name = std::to_string(i) + ".jpg";
    clipdex::tests::write_file(data.path() / name, clipdex::tests::square_picture(i));
    auto caption = clipdex::tests::square_caption(i % 12);
    if (i % 24 >= 12) caption.front() = 'A';  // the same tokens
    lines += nlohmann::json{{"file", name}, {"caption", caption}}.dump() + "\n";
  }
  clipdex::tests::write_file(data.path() / "pairs.jsonl", lines);
  const auto dataset = datasets::Dataset::open({(data.path() / "pairs.jsonl").string()}, {});
  const auto tokenizer = openai_tokenizer();
  const auto distinct = [&](bool unique) {
    auto options = loader_options(0);
    options.unique_captions = unique;
    training::BatchLoader loader(dataset, tokenizer, small_pictures(), options);
    std::size_t least = options.batch;
    for (int i = 0; i < 10; ++i) {
      const auto tokens = loader.next().tokens;
      least = std::min(least, std::set(tokens.begin(), tokens.end()).size());
    }
    return least;
  };
  CHECK(distinct(true) == 8);
  CHECK(distinct(false) < 8);
}

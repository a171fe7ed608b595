#include "encoder/training/retrieval.h"

#include <catch2/catch_test_macros.hpp>
#include <cstdint>
#include <vector>

using clipdex::training::retrieval_recalls;

namespace {

// One-hot rows of `dimension` numbers.
std::vector<float> one_hot(const std::vector<std::size_t>& at, std::size_t dimension) {
  std::vector<float> values(at.size() * dimension, 0);
  for (std::size_t i = 0; i < at.size(); ++i) values[i * dimension + at[i]] = 1;
  return values;
}

}  // namespace

TEST_CASE("recall counts captions that find their picture, and pictures that find one of their captions") {
  // Four pictures; the second caption of picture 0 looks like picture 3, the caption of picture 2 like picture 1.
  const auto images = one_hot({0, 1, 2, 3}, 4);
  const auto texts = one_hot({0, 3, 1, 1, 3}, 4);
  const std::vector<std::uint32_t> image_of = {0, 0, 1, 2, 3};
  const auto recalls = retrieval_recalls(images, texts, image_of, 4);
  CHECK(recalls.images == 4);
  CHECK(recalls.captions == 5);
  CHECK(recalls.text_to_image[0] == 60);   // of 0, 1 and 3
  CHECK(recalls.text_to_image[1] == 100);  // there are but four pictures
  // Picture 2 has no caption like it; picture 3 has one that comes behind picture 0's second, which is as good.
  CHECK(recalls.image_to_text[0] == 50);
  CHECK(recalls.image_to_text[1] == 100);
}

TEST_CASE("embeddings that are all the same find no more than chance") {
  const std::size_t n = 50;
  const auto images = one_hot(std::vector<std::size_t>(n, 0), 2);
  const auto texts = images;
  std::vector<std::uint32_t> image_of(n);
  for (std::uint32_t i = 0; i < n; ++i) image_of[i] = i;
  const auto recalls = retrieval_recalls(images, texts, image_of, 2);
  CHECK(recalls.text_to_image[0] == 2);
  CHECK(recalls.text_to_image[2] == 20);
  CHECK(recalls.image_to_text[0] == 2);
}

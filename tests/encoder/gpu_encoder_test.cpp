// The encoder on a real GPU against the CPU's in fp32: only where CLIPDEX_TEST_DEVICE is "cuda" or "cuda:N" (docs/gpu.md).
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "encoder/clip_encoder.h"
#include "encoder/image_decoder.h"
#include "tests/encoder/cosine.h"
#include "tests/encoder/golden_embeddings.h"
#include "tests/gallery.h"
#include "tests/temporary_directory.h"
#include "tests/test_device.h"

namespace {

using namespace clipdex::tests;
using clipdex::encoder::choose_device;
using clipdex::encoder::ClipEncoder;
using clipdex::encoder::ComputePrecision;
using clipdex::encoder::decode_image;
using clipdex::encoder::Embeddings;
using clipdex::encoder::Image;
using clipdex::encoder::preprocess;
using clipdex::encoder::Urgency;
using Tokens = std::vector<std::vector<std::int32_t>>;

// What an embedding's cosine to the CPU's in fp32 is to be above. fp32 sums in another order alone.
double cosine_wanted(ComputePrecision precision) {
  switch (precision) {
    case ComputePrecision::kFp32:
      return 0.999999;
    case ComputePrecision::kFp16:
      return 0.9999;
    case ComputePrecision::kBf16:
      break;
  }
  return 0.999;
}

constexpr ComputePrecision kPrecisions[] = {ComputePrecision::kFp32, ComputePrecision::kFp16, ComputePrecision::kBf16};

double length(std::span<const float> row) {
  double sum = 0;
  for (const float value : row) sum += static_cast<double>(value) * value;
  return std::sqrt(sum);
}

// Different ones, each in RGB.
std::vector<Image> gallery_pictures(std::size_t count) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(kGallery)) {
    if (entry.path().extension() == ".png") files.push_back(entry.path());
  }
  REQUIRE(files.size() >= count);
  std::sort(files.begin(), files.end());
  std::vector<Image> pictures;
  for (std::size_t i = 0; i < count; ++i) {
    const auto bytes = read_file(files[i]);
    pictures.push_back(decode_image({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}));
  }
  return pictures;
}

// Of every shape and kind that reaches a GPU: shrunk, enlarged, as large as the model's, too large for it, gray, with alpha, with a
// palette.
std::vector<Image> odd_pictures(int side) {
  std::vector<Image> pictures;
  const auto add = [&](int width, int height, int channels, bool indexed = false) {
    Image picture{.width = width, .height = height, .channels = channels, .indexed = indexed};
    picture.pixels.resize(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * static_cast<std::size_t>(channels));
    std::size_t at = 0;
    for (int y = 0; y < height; ++y) {
      for (int x = 0; x < width; ++x) {
        for (int c = 0; c < channels; ++c)
          picture.pixels[at++] = static_cast<std::uint8_t>((x * (3 + c) + y * (7 - c) + (x * y >> 4) + 40 * c) % 256);
      }
    }
    pictures.push_back(std::move(picture));
  };
  for (const auto& [width, height] : {std::pair(2 * side, side + 13), {side, side}, {side - 9, 3 * side}, {7, 5}, {1, 200}, {200, 1}})
    add(width, height, 3);
  add(9 * side, 8 * side, 3);
  for (const int channels : {1, 2, 4}) add(side + 20, side + 31, channels);
  add(side + 20, side + 31, 3, /*indexed=*/true);
  return pictures;
}

// Of every length that the model takes, and of two for each.
Tokens texts_of_all_lengths(const ClipEncoder& encoder) {
  const auto& text = encoder.config().text;
  const auto start = static_cast<std::int32_t>(text.vocabulary_size - 2), end = start + 1;
  Tokens tokens;
  for (std::int32_t length = 2; length <= text.context_length; ++length) {
    for (const std::int32_t step : {37, 101}) {
      std::vector<std::int32_t> ids(static_cast<std::size_t>(length), start);
      for (std::int32_t i = 1; i < length; ++i) ids[static_cast<std::size_t>(i)] = i * step % start;
      ids.back() = end;
      tokens.push_back(std::move(ids));
    }
  }
  return tokens;
}

}  // namespace

TEST_CASE("a GPU's embeddings are the CPU's in every precision, of both towers and both kinds of image tower", "[gpu]") {
  const auto device = tested_device();
  const TemporaryDirectory directory;
  write_golden_vit_as_open_clip(directory.path() / "vit");
  write_golden_resnet_as_open_clip(directory.path() / "resnet");
  const auto golden = golden_tokens();
  const Tokens texts(golden.begin(), golden.end());
  for (const auto* name : {"vit", "resnet"}) {
    const ClipEncoder exact(directory.path() / name, {.threads = 1});
    for (const auto precision : kPrecisions) {
      INFO(name << " in " << name_of(precision));
      const ClipEncoder clip(directory.path() / name, {.threads = 1, .device = device, .precision = precision});
      CHECK(clip.device() == choose_device(device));
      CHECK(clip.precision() == precision);
      for (const bool normalize : {true, false}) {
        INFO("normalize " << normalize);
        const auto pixels = clip.encode_pixels(golden_pixels(), 2, normalize), wanted = exact.encode_pixels(golden_pixels(), 2, normalize);
        CHECK(least_cosine(pixels, wanted) > cosine_wanted(precision));
        CHECK(least_cosine(clip.encode_tokens(texts, normalize), exact.encode_tokens(texts, normalize)) > cosine_wanted(precision));
        // What the projections leave has a length of its own, which a cosine does not see.
        for (std::size_t i = 0; i < wanted.count; ++i) CHECK(std::abs(length(pixels.row(i)) / length(wanted.row(i)) - 1) < 0.02);
      }
    }
  }
}

TEST_CASE("a GPU gives the embeddings of the built-in model's texts and pictures, in their order", "[gpu]") {
  const auto device = tested_device();
  const ClipEncoder exact(kModel), clip(kModel, {.device = device});
  REQUIRE(clip.precision() == ComputePrecision::kFp16);
  // More than one step of the encoder takes, and no multiple of it.
  const auto pictures = gallery_pictures(301);
  REQUIRE(pictures.size() > 2 * clip.images_per_step());
  const auto wanted = exact.encode_images(pictures);
  auto batch = clip.image_batch(pictures.size());
  for (std::size_t i = 0; i < pictures.size(); ++i) batch.set(i, pictures[i]);
  const double enough = cosine_wanted(ComputePrecision::kFp16);
  for (const auto urgency : {Urgency::kQuery, Urgency::kBatch})
    CHECK(least_cosine(clip.encode_image_batch(batch, /*normalize=*/true, urgency), wanted) > enough);
  CHECK(least_cosine(clip.encode_images(pictures), wanted) > enough);
  // Whatever is in the wrong place is seen.
  CHECK(cosine(wanted.row(0), wanted.row(300)) < enough);
  const std::vector<std::string> texts = {"a red apple", "火箭", "", "a photo of two cats and a dog on a green background, seen from afar"};
  CHECK(least_cosine(clip.encode_texts(texts), exact.encode_texts(texts)) > enough);
}

TEST_CASE("pictures of every shape and kind have the same embedding on a GPU, alone and together", "[gpu]") {
  const auto device = tested_device();
  for (const auto precision : kPrecisions) {
    INFO(name_of(precision));
    const ClipEncoder exact(kModel, {.threads = 1}), clip(kModel, {.device = device, .precision = precision});
    const auto pictures = odd_pictures(exact.preprocessing().width);
    const auto wanted = exact.encode_images(pictures);
    CHECK(least_cosine(clip.encode_images(pictures), wanted) > cosine_wanted(precision));
    // A single picture is a graph of its own, which is made at the first.
    for (int round = 0; round < 2; ++round) {
      for (std::size_t i = 0; i < pictures.size(); ++i) {
        INFO("picture " << i << ", round " << round);
        const auto alone = clip.encode_images(std::span(pictures).subspan(i, 1));
        CHECK(cosine(alone.row(0), wanted.row(i)) > cosine_wanted(precision));
        const auto pixels = clip.encode_pixels(preprocess(pictures[i], exact.preprocessing()), 1);
        CHECK(cosine(pixels.row(0), wanted.row(i)) > cosine_wanted(precision));
      }
    }
  }
}

TEST_CASE("texts of every length have the same embedding on a GPU, alone and together", "[gpu]") {
  const auto device = tested_device();
  const ClipEncoder exact(kModel, {.threads = 1}), clip(kModel, {.device = device});
  const auto texts = texts_of_all_lengths(exact);
  const double enough = cosine_wanted(clip.precision());
  for (const bool normalize : {true, false}) {
    const auto wanted = exact.encode_tokens(texts, normalize);
    CHECK(least_cosine(clip.encode_tokens(texts, normalize), wanted) > enough);
    // Each length's graph is used again after those of others.
    for (int round = 0; round < 2; ++round) {
      for (std::size_t i = 0; i < texts.size(); ++i) {
        INFO("text " << i << ", round " << round);
        const auto alone = clip.encode_tokens(std::span(texts).subspan(i, 1), normalize);
        CHECK(cosine(alone.row(0), wanted.row(i)) > enough);
      }
    }
  }
}

// Small enough for compute-sanitizer.
TEST_CASE("many threads may use one encoder on a GPU, for texts and pictures at once", "[gpu]") {
  const auto device = tested_device();
  const ClipEncoder exact(kModel), clip(kModel, {.device = device});
  const auto pictures = gallery_pictures(40);
  const std::vector<std::string> texts = {"a red apple", "sad face", "two rockets"};
  const auto wanted_pictures = exact.encode_images(pictures), wanted_texts = exact.encode_texts(texts);
  constexpr std::size_t kThreads = 6, kRounds = 5;
  std::vector<Embeddings> found(kThreads);
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < kThreads; ++i) {
      threads.emplace_back([&, i] {
        for (std::size_t round = 0; round < kRounds; ++round) {
          if (i % 3 == 0) {
            found[i] = clip.encode_images(pictures);
          } else {
            found[i] = i % 3 == 1 ? clip.encode_texts(texts) : clip.encode_texts(std::span(texts).first(1));
          }
        }
      });
    }
  }
  const double enough = cosine_wanted(clip.precision());
  for (std::size_t i = 0; i < kThreads; ++i) {
    INFO("thread " << i);
    if (i % 3 == 2) {
      CHECK(cosine(found[i].row(0), wanted_texts.row(0)) > enough);
    } else {
      CHECK(least_cosine(found[i], i % 3 == 0 ? wanted_pictures : wanted_texts) > enough);
    }
  }
}

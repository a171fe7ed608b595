// A GPU's crop, resize and normalisation against the CPU's: only where CLIPDEX_TEST_DEVICE is "cuda" or "cuda:N" (docs/gpu.md). LibTorch
// shows here: the samples do not leave the encoder otherwise.
#include <c10/core/InferenceMode.h>
#include <c10/cuda/CUDAGuard.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "encoder/compute_device.h"
#include "encoder/cuda/picture_upload.h"
#include "encoder/image_batch.h"
#include "encoder/preprocessing.h"
#include "tests/test_device.h"

namespace {

using namespace clipdex::encoder;
using clipdex::tests::tested_device;

constexpr int kSide = 48;

Image noise(int width, int height, std::uint32_t seed) {
  Image picture{.width = width, .height = height, .channels = 3};
  picture.pixels.resize(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 3);
  for (auto& sample : picture.pixels) {
    seed = seed * 1664525 + 1013904223;  // Numerical Recipes' generator
    sample = static_cast<std::uint8_t>(seed >> 24);
  }
  return picture;
}

// Shrunk, enlarged, along one axis alone, not at all, and of one row or column.
std::vector<Image> pictures() {
  std::vector<Image> made;
  for (const auto& [width, height] : {std::pair(kSide, kSide),
                                      {2 * kSide, 3 * kSide},
                                      {3 * kSide + 1, kSide + 5},
                                      {kSide, 3 * kSide},
                                      {3 * kSide, kSide},
                                      {17, 11},
                                      {5, 190},
                                      {190, 5},
                                      {1, 1},
                                      {1, 150},
                                      {150, 1},
                                      {kSide - 1, kSide + 1},
                                      {4 * kSide, 4 * kSide}})
    made.push_back(noise(width, height, static_cast<std::uint32_t>(made.size())));
  return made;
}

std::vector<Preprocessing> settings() {
  std::vector<Preprocessing> all;
  for (const auto mode : {ResizeMode::kShortest, ResizeMode::kLongest, ResizeMode::kSquash}) {
    for (const auto interpolation : {Interpolation::kBicubic, Interpolation::kBilinear, Interpolation::kLanczos}) {
      for (const auto convention : {PreprocessingConvention::kOpenAi, PreprocessingConvention::kHuggingFace}) {
        all.push_back({.width = kSide,
                       .height = kSide,
                       .resize_to = kSide,
                       .resize_mode = mode,
                       .interpolation = interpolation,
                       .convention = convention,
                       .fill = 99});
      }
    }
  }
  // A crop that is smaller than what was resized, and one that is no square.
  all.push_back({.width = kSide, .height = kSide, .resize_to = kSide + 9});
  all.push_back({.width = kSide, .height = kSide - 15, .resize_to = kSide, .convention = PreprocessingConvention::kHuggingFace});
  return all;
}

// How many samples differ from the CPU's, rounded to `type`.
std::int64_t differences(PictureUpload& upload, const std::vector<Image>& images, const Preprocessing& preprocessing, at::ScalarType type) {
  ImageBatch batch(preprocessing, /*for_device=*/true, images.size());
  for (std::size_t i = 0; i < images.size(); ++i) batch.set(i, images[i]);
  // The copy waits for what is on the stream before it.
  const auto found = upload.run(batch.images(), type).to(at::kCPU);
  const auto wanted = at::empty({static_cast<std::int64_t>(images.size()), 3, preprocessing.height, preprocessing.width}, at::kFloat);
  for (std::size_t i = 0; i < images.size(); ++i)
    preprocess_into(images[i], preprocessing, wanted[static_cast<std::int64_t>(i)].data_ptr<float>());
  REQUIRE(found.sizes() == wanted.sizes());
  return found.ne(wanted.to(type)).sum().item<std::int64_t>();
}

}  // namespace

// Small enough for compute-sanitizer, which sees allocations of LibTorch's only where it keeps none back.
TEST_CASE("a GPU's crop, resize and normalisation give the CPU's samples to the bit", "[gpu]") {
  const auto chosen = choose_device(tested_device());
  const at::Device device(at::kCUDA, static_cast<at::DeviceIndex>(chosen.index));
  const c10::InferenceMode inference;
  const c10::cuda::CUDAGuard guard(device);
  const auto images = pictures();
  for (const auto& preprocessing : settings()) {
    INFO(describe(preprocessing));
    PictureUpload upload(preprocessing, device);
    // One, all, and fewer again: its memory grows, and what was there before does no harm.
    CHECK(differences(upload, {images[1]}, preprocessing, at::kFloat) == 0);
    CHECK(differences(upload, images, preprocessing, at::kFloat) == 0);
    CHECK(differences(upload, {images[5], images[9]}, preprocessing, at::kFloat) == 0);
  }
  for (const auto type : {at::kHalf, at::kBFloat16}) {
    const Preprocessing preprocessing{.width = kSide, .height = kSide, .resize_to = kSide};
    PictureUpload upload(preprocessing, device);
    CHECK(differences(upload, images, preprocessing, type) == 0);
  }
}

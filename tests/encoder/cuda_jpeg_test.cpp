// nvJPEG against libjpeg-turbo, on a GPU.
#include <algorithm>
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <filesystem>
#include <string>
#include <thread>

#include "encoder/clip_encoder.h"
#include "encoder/device_decoder.h"
#include "tests/encoder/cosine.h"
#include "tests/encoder/device_decoders.h"
#include "tests/encoder/jpeg_files.h"

namespace {

using clipdex::encoder::ClipEncoder;
using clipdex::encoder::CoreBudget;
using clipdex::encoder::decode_image;
using clipdex::encoder::DecodeOptions;
using clipdex::encoder::DeviceDecoder;
using clipdex::encoder::DeviceDecoding;
using clipdex::encoder::DeviceKind;
using clipdex::encoder::Image;
using clipdex::encoder::ImageError;
using clipdex::encoder::inspect_ordinary_jpeg;
using clipdex::encoder::Pixels;
using clipdex::encoder::Urgency;
using clipdex::tests::box_means;
using clipdex::tests::cosine;
using clipdex::tests::JpegOptions;
using clipdex::tests::mean_difference;
using clipdex::tests::waves;
using clipdex::tests::write_jpeg;
using Bytes = std::vector<std::uint8_t>;

const std::filesystem::path kModel = std::filesystem::path(CLIPDEX_SOURCE_DIR) / "tests/data/emoji-clip";
constexpr int kWidth = 1003, kHeight = 757;  // no multiples of a block

// Skips the test where there is no GPU.
std::shared_ptr<DeviceDecoder> gpu() {
  if (const auto reason = clipdex::encoder::why_no_cuda(); !reason.empty()) SKIP(reason);
  std::shared_ptr<DeviceDecoder> decoder = clipdex::encoder::make_device_decoder({.kind = DeviceKind::kCuda});
  REQUIRE(decoder);
  return decoder;
}

std::vector<JpegOptions> kinds() {
  std::vector<JpegOptions> all;
  for (const bool progressive : {false, true}) {
    for (const auto& [horizontal, vertical] : {std::pair(1, 1), {2, 1}, {1, 2}, {2, 2}})
      all.push_back({.quality = 92, .horizontal = horizontal, .vertical = vertical, .progressive = progressive});
    all.push_back({.quality = 92, .progressive = progressive, .gray = true});
    all.push_back({.quality = 92, .progressive = progressive, .restart_interval = 11});
  }
  all.push_back({.quality = 92, .scans = {{1, {0}, 0, 63, 0, 0}, {1, {1}, 0, 63, 0, 0}, {1, {2}, 0, 63, 0, 0}}});
  return all;
}

Bytes jpeg(const JpegOptions& options = {}) { return write_jpeg(waves(kWidth, kHeight, options.gray), kWidth, kHeight, options); }

std::optional<Pixels> decoded(DeviceDecoder& decoder, const Bytes& file, int reduction) {
  const auto ordinary = inspect_ordinary_jpeg(file, {});
  REQUIRE(ordinary);
  return decoder.decode(std::span(file).first(ordinary->bytes), *ordinary, reduction);
}

}  // namespace

TEST_CASE("a GPU's pixels are the CPU's within two levels on average, whole and reduced", "[gpu]") {
  const auto decoder = gpu();
  for (const auto& options : kinds()) {
    INFO(options.horizontal << " x " << options.vertical << ", progressive " << options.progressive << ", gray " << options.gray
                            << ", restarts " << options.restart_interval << ", scans " << options.scans.size());
    const auto file = jpeg(options);
    const Image wanted = decode_image(file);
    for (const int reduction : {1, 2, 4, 8}) {
      INFO("reduced by " << reduction);
      const auto found = decoded(*decoder, file, reduction);
      REQUIRE(found);
      CHECK(mean_difference(*found, box_means(wanted, reduction)) < 2);
    }
  }
}

TEST_CASE("embeddings of pictures that a GPU decoded are close to those of the CPU's", "[gpu]") {
  CoreBudget cores;
  DeviceDecoding decoding(gpu(), cores, {});
  const ClipEncoder encoder(kModel);
  for (const auto& options : kinds()) {
    const auto file = jpeg(options);
    const auto reduced = clipdex::encoder::reduced_decoding(encoder.preprocessing());
    const auto found = decoding.decode(file, {}, reduced, Urgency::kBatch);
    REQUIRE(found);
    CHECK(whole_width(*found) == kWidth);
    const Image images[] = {*found, decode_image(file, {}, reduced), decode_image(file)};
    const auto embeddings = encoder.encode_images(images);
    CHECK(cosine(embeddings.row(0), embeddings.row(1)) > 0.995);
    CHECK(cosine(embeddings.row(0), embeddings.row(2)) > 0.995);
  }
}

TEST_CASE("more threads than a GPU has places get each their own picture, or nothing", "[gpu]") {
  const auto decoder = gpu();
  std::vector<Bytes> files;
  std::vector<Pixels> wanted;
  for (int i = 0; i < 6; ++i) {
    const int width = 400 + 97 * i, height = 900 - 83 * i;
    files.push_back(write_jpeg(waves(width, height), width, height, {.quality = 92, .progressive = i % 3 == 2}));
    wanted.push_back(box_means(decode_image(files.back()), 2));
  }
  std::atomic<int> right = 0, wrong = 0, none = 0;
  {
    std::vector<std::jthread> threads;
    for (std::size_t thread = 0; thread < 3 * decoder->places(); ++thread) {
      threads.emplace_back([&, thread] {
        for (std::size_t i = 0; i < 60; ++i) {
          const auto which = (thread + i) % files.size();
          const auto jpeg = inspect_ordinary_jpeg(files[which], {});
          const auto found = decoder->decode(files[which], *jpeg, 2);
          ++(!found ? none : mean_difference(*found, wanted[which]) < 2 ? right : wrong);
        }
      });
    }
  }
  CHECK(wrong == 0);
  CHECK(right > 0);
}

TEST_CASE("damage within scans ends no more than the picture that has it", "[gpu]") {
  const auto decoder = gpu();
  CoreBudget cores;
  std::vector<std::string> reasons;
  DeviceDecoding decoding(decoder, cores, [&](const std::string& reason) { reasons.push_back(reason); });
  const DecodeOptions reduced{.shorter_side_min = 300};
  const auto whole = jpeg();
  const auto wanted = decoding.decode(whole, {}, reduced, Urgency::kBatch);
  REQUIRE(wanted);
  std::uint32_t state = 5;
  const auto random = [&] { return (state = state * 1664525 + 1013904223) >> 8; };
  int unnoticed = 0, noticed = 0;
  for (int round = 0; round < 200; ++round) {
    auto damaged = jpeg({.progressive = round % 2 == 0, .restart_interval = round % 5});
    for (int i = 0; i < 3; ++i)
      damaged[damaged.size() / 4 + random() % (damaged.size() / 2)] ^= static_cast<std::uint8_t>(1 + random() % 255);
    const auto found = decoding.decode(damaged, {}, reduced, Urgency::kBatch);
    bool refused = false;
    try {
      decode_image(damaged);
    } catch (const ImageError&) {
      refused = true;
    }
    if (refused) ++(found ? unnoticed : noticed);
    // And the next picture is decoded as ever.
    const auto again = decoding.decode(whole, {}, reduced, Urgency::kBatch);
    REQUIRE(again);
    REQUIRE(again->pixels == wanted->pixels);
  }
  CHECK(reasons.empty());
  WARN("of the damaged pictures that the CPU refuses, nvJPEG refused " << noticed << " and decoded " << unnoticed);
}

TEST_CASE("an encoder on a GPU decodes there, and one that is told not to does not", "[gpu]") {
  gpu();
  const auto file = jpeg();
  const ClipEncoder with(kModel, {.device = "cuda", .device_decoding = true}), without(kModel, {.device = "cuda"});
  CHECK(with.pictures_on_device() > 0);
  CHECK(with.decode_on_device(file, {}, {.shorter_side_min = 300}, Urgency::kQuery));
  CHECK(!with.decode_on_device(file, {}, {}, Urgency::kQuery));
  CHECK(without.pictures_on_device() == 0);
  CHECK(!without.decode_on_device(file, {}, {.shorter_side_min = 300}, Urgency::kQuery));
}

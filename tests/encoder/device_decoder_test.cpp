#include "encoder/device_decoder.h"

#include <turbojpeg.h>

#include <catch2/catch_test_macros.hpp>
#include <fstream>
#include <iterator>
#include <new>
#include <string>

#include "encoder/jpeg_inspection.h"
#include "encoder/preprocessing.h"
#include "tests/encoder/device_decoders.h"
#include "tests/encoder/jpeg_bombs.h"
#include "tests/encoder/jpeg_files.h"

namespace {

using clipdex::encoder::CoreBudget;
using clipdex::encoder::decode_image;
using clipdex::encoder::DecodeOptions;
using clipdex::encoder::DeviceDecoding;
using clipdex::encoder::Image;
using clipdex::encoder::ImageError;
using clipdex::encoder::ImageLimits;
using clipdex::encoder::OrdinaryJpeg;
using clipdex::encoder::Pixels;
using clipdex::encoder::Urgency;
using clipdex::tests::JpegOptions;
using clipdex::tests::StandInDecoder;
using clipdex::tests::waves;
using clipdex::tests::write_jpeg;
using Bytes = std::vector<std::uint8_t>;

constexpr int kWidth = 331, kHeight = 243;  // no multiples of a block
constexpr DecodeOptions kReduced{.shorter_side_min = 100};

std::optional<OrdinaryJpeg> inspect(const Bytes& file, const ImageLimits& limits = {}) {
  return clipdex::encoder::inspect_ordinary_jpeg(file, limits);
}

Bytes jpeg(const JpegOptions& options = {}) { return write_jpeg(waves(kWidth, kHeight, options.gray), kWidth, kHeight, options); }

// Where a marker's 255 stands.
std::size_t position_of(const Bytes& file, std::uint8_t marker) {
  const Bytes wanted = {0xFF, marker};
  const auto found = std::search(file.begin(), file.end(), wanted.begin(), wanted.end());
  REQUIRE(found != file.end());
  return static_cast<std::size_t>(found - file.begin());
}

Bytes with(Bytes file, std::size_t at, const Bytes& inserted) {
  file.insert(file.begin() + static_cast<std::ptrdiff_t>(at), inserted.begin(), inserted.end());
  return file;
}

Bytes adobe_marker(std::uint8_t transform) { return {0xFF, 0xEE, 0, 14, 'A', 'd', 'o', 'b', 'e', 0, 100, 0, 0, 0, 0, transform}; }

Bytes in_four_colors() {
  const std::unique_ptr<void, int (*)(void*)> handle(::tjInitCompress(), ::tjDestroy);
  const Bytes pixels(std::size_t{kWidth} * kHeight * 4, 90);
  unsigned char* data = nullptr;
  unsigned long size = 0;
  REQUIRE(::tjCompress2(handle.get(), pixels.data(), kWidth, 0, kHeight, TJPF_CMYK, &data, &size, TJSAMP_444, 90, 0) == 0);
  const Bytes file(data, data + size);
  ::tjFree(data);
  return file;
}

struct Device {
  explicit Device(StandInDecoder::Answer answer = [](int) { return std::nullopt; })
      : decoder(std::make_shared<StandInDecoder>(std::move(answer))),
        decoding(decoder, cores, [this](const std::string& reason) { reasons.push_back(reason); }) {}

  std::optional<Image> decode(const Bytes& file, const DecodeOptions& options = kReduced, const ImageLimits& limits = {}) {
    return decoding.decode(file, limits, options, Urgency::kBatch);
  }

  CoreBudget cores{2};
  std::vector<std::string> reasons;
  std::shared_ptr<StandInDecoder> decoder;
  DeviceDecoding decoding;
};

}  // namespace

TEST_CASE("JPEGs as cameras and programs write them are ordinary") {
  std::vector<JpegOptions> all;
  for (const bool progressive : {false, true}) {
    for (const int restarts : {0, 1, 3, 40, 100'000 / 2}) {
      for (const auto& [horizontal, vertical] : {std::pair(1, 1), {2, 1}, {1, 2}, {2, 2}})
        all.push_back({.horizontal = horizontal, .vertical = vertical, .progressive = progressive, .restart_interval = restarts});
      all.push_back({.progressive = progressive, .restart_interval = restarts, .gray = true});
    }
  }
  for (const auto& options : all) {
    INFO(options.horizontal << " x " << options.vertical << ", progressive " << options.progressive << ", restarts "
                            << options.restart_interval << ", gray " << options.gray);
    const auto file = jpeg(options);
    const auto found = inspect(file);
    REQUIRE(found);
    CHECK(found->width == kWidth);
    CHECK(found->height == kHeight);
    CHECK(found->components == (options.gray ? 1 : 3));
    CHECK((found->scans == 1) == !options.progressive);
    CHECK(found->bytes == file.size());
  }
}

TEST_CASE("components in scans of their own, bytes behind the end, comments and profiles are ordinary") {
  const std::vector<jpeg_scan_info> apart = {{1, {0}, 0, 63, 0, 0}, {1, {1}, 0, 63, 0, 0}, {1, {2}, 0, 63, 0, 0}};
  for (const int restarts : {0, 7}) {
    const auto found = inspect(jpeg({.restart_interval = restarts, .scans = apart}));
    REQUIRE(found);
    CHECK(found->scans == 3);
  }
  auto file = jpeg();
  const auto size = file.size();
  file = with(file, size, Bytes(100, 0xFF));
  REQUIRE(inspect(file));
  CHECK(inspect(file)->bytes == size);
  CHECK(inspect(with(jpeg(), 2, {0xFF, 0xFE, 0, 4, 'h', 'i'})));
  CHECK(inspect(with(jpeg(), 2, {0xFF, 0xE2, 0, 6, 'I', 'C', 'C', '_'})));
  CHECK(inspect(with(jpeg(), 2, adobe_marker(1))));
}

TEST_CASE("a JPEG that is cut anywhere is not ordinary") {
  for (const auto& options : {JpegOptions{}, JpegOptions{.progressive = true, .restart_interval = 5}}) {
    const auto file = jpeg(options);
    for (std::size_t size = 0; size < file.size(); size += size < 700 || size + 40 > file.size() ? 1 : 13) {
      INFO(size << " of " << file.size() << " bytes");
      REQUIRE(!inspect(Bytes(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(size))));
    }
  }
}

TEST_CASE("unusual kinds of JPEG are not ordinary") {
  CHECK(!inspect(jpeg({.arithmetic = true})));
  CHECK(!inspect(jpeg({.progressive = true, .arithmetic = true})));
  for (const auto& [horizontal, vertical] : {std::pair(4, 1), {1, 4}, {4, 2}, {3, 1}})
    CHECK(!inspect(jpeg({.horizontal = horizontal, .vertical = vertical})));
  CHECK(!inspect(in_four_colors()));
  std::ifstream stream(std::string(CLIPDEX_SOURCE_DIR) + "/tests/data/cmyk_subsampled.jpg", std::ios::binary);
  CHECK(!inspect(Bytes{std::istreambuf_iterator<char>(stream), {}}));
  CHECK(!inspect(with(jpeg(), 2, adobe_marker(0))));  // RGB, and JFIF says YCbCr
  CHECK(!inspect(with(jpeg(), 2, adobe_marker(2))));

  auto file = jpeg();
  const auto frame = position_of(file, 0xC0);
  constexpr std::size_t kPrecision = 4, kHeightAt = 5, kFirstId = 10;
  const auto changed = [&](std::size_t at, std::uint8_t value) {
    auto copy = file;
    copy[at] = value;
    return copy;
  };
  CHECK(!inspect(changed(frame + kPrecision, 12)));
  CHECK(!inspect(changed(frame + 1, 0xC1)));  // extended
  CHECK(!inspect(changed(frame + 1, 0xC3)));  // lossless
  CHECK(!inspect(changed(frame + kFirstId, 'R')));
  auto without_height = changed(frame + kHeightAt, 0);
  without_height[frame + kHeightAt + 1] = 0;
  CHECK(!inspect(without_height));
}

TEST_CASE("a JPEG over a limit is not ordinary") {
  const auto file = jpeg();
  CHECK(inspect(file, {.bytes_max = file.size(), .pixels_max = std::uint64_t{kWidth} * kHeight, .side_max = kWidth}));
  CHECK(!inspect(file, {.bytes_max = file.size() - 1}));
  CHECK(!inspect(file, {.pixels_max = std::uint64_t{kWidth} * kHeight - 1}));
  CHECK(!inspect(file, {.side_max = kWidth - 1}));
  CHECK(!inspect(clipdex::tests::bombs::jpeg_of_scans(64, 40)));
  CHECK(!inspect(clipdex::tests::bombs::jpeg_of_runs(2'400, 13)));  // decode_image() refuses it
}

TEST_CASE("a JPEG whose segments are not in their places is not ordinary") {
  const auto file = jpeg({.restart_interval = 3});
  const auto erased = [&](std::size_t at, std::size_t count) {
    auto copy = file;
    copy.erase(copy.begin() + static_cast<std::ptrdiff_t>(at), copy.begin() + static_cast<std::ptrdiff_t>(at + count));
    return copy;
  };
  const auto restart = position_of(file, 0xD2), tables = position_of(file, 0xC4), scan = position_of(file, 0xDA);
  CHECK(!inspect(erased(restart, 2)));
  CHECK(!inspect(with(file, restart, {0xFF, 0xD1, 1})));
  CHECK(!inspect(with(file, restart, {0xFF, 0x01})));
  CHECK(!inspect(with(file, tables, {0})));     // a stray byte
  CHECK(!inspect(with(file, tables, {0xFF})));  // a fill byte
  const auto length = [&](std::size_t at) { return std::size_t{2} + (std::size_t{file[at + 2]} << 8 | file[at + 3]); };
  CHECK(!inspect(erased(tables, length(tables))));
  CHECK(!inspect(erased(position_of(file, 0xDB), length(position_of(file, 0xDB)))));
  CHECK(!inspect(erased(scan, length(scan))));
  auto too_many_codes = file;
  too_many_codes[tables + 5] = 2;  // of one bit, and there is one that is not all ones
  CHECK(!inspect(too_many_codes));
  // Without its last scan, decoders smooth what is missing.
  std::vector<jpeg_scan_info> scans = {{3, {0, 1, 2}, 0, 0, 0, 0}};
  for (const int component : {0, 1, 2}) scans.push_back({1, {component}, 1, 63, 0, 1});
  for (const int component : {0, 1}) scans.push_back({1, {component}, 1, 63, 1, 0});
  CHECK(!inspect(jpeg({.scans = scans})));
  scans.push_back({1, {2}, 1, 63, 1, 0});
  CHECK(inspect(jpeg({.scans = scans})));
}

TEST_CASE("whatever bytes are changed, what is still ordinary has the size that the decoder finds") {
  const auto file = jpeg({.progressive = true});
  std::uint32_t state = 11;
  const auto random = [&] { return (state = state * 1664525 + 1013904223) >> 8; };
  int ordinary = 0;
  for (int round = 0; round < 400; ++round) {
    auto damaged = file;
    damaged[random() % (round % 2 == 0 ? 700 : damaged.size())] ^= static_cast<std::uint8_t>(1U << random() % 8);
    const ImageLimits limits{.pixels_max = 1'000'000};
    const auto found = inspect(damaged, limits);
    if (!found) continue;
    ++ordinary;
    try {
      const Image image = decode_image(damaged, limits);
      CHECK(image.width == found->width);
      CHECK(image.height == found->height);
      CHECK(image.channels == found->components);
    } catch (const ImageError&) {
      // Of damage within a scan its markers say nothing.
    }
  }
  CHECK(ordinary > 0);
}

TEST_CASE("a picture that a device decodes is the CPU's, reduced and turned alike") {
  for (const bool gray : {false, true}) {
    Device device;
    const auto file = jpeg({.quality = 95, .gray = gray});
    for (const auto& options : {kReduced, DecodeOptions{.longer_side_min = 300}}) {
      const auto found = device.decode(file, options);
      REQUIRE(found);
      const Image wanted = decode_image(file, {}, options);
      CHECK(found->channels == wanted.channels);
      CHECK(found->width == wanted.width);
      CHECK(found->height == wanted.height);
      CHECK(whole_width(*found) == kWidth);
      CHECK(whole_height(*found) == kHeight);
      CHECK(found->extent.width == wanted.extent.width);
      CHECK(clipdex::tests::mean_difference(found->pixels, wanted.pixels) < 2);
    }
  }
  // The device gives the picture as it is stored.
  const auto stored = decode_image(jpeg({.quality = 95}));
  Device device([&](int) { return std::optional(std::optional(clipdex::tests::box_means(stored, 2))); });
  for (int orientation = 1; orientation <= 8; ++orientation) {
    const Bytes exif = {0xFF, 0xE1, 0, 34, 'E', 'x', 'i',  'f', 0, 0, 'M', 'M', 0, 42, 0,
                        0,    0,    8, 0,  1,   1,   0x12, 0,   3, 0, 0,   0,   1, 0,  static_cast<std::uint8_t>(orientation),
                        0,    0,    0, 0,  0,   0};
    const auto file = with(jpeg({.quality = 95}), 2, exif);
    const auto found = device.decode(file, kReduced);
    REQUIRE(found);
    const Image wanted = decode_image(file, {}, kReduced);
    CHECK(found->width == wanted.width);
    CHECK(whole_height(*found) == whole_height(wanted));
    CHECK(found->extent.left == wanted.extent.left);
    CHECK(found->extent.top == wanted.extent.top);
    CHECK(clipdex::tests::mean_difference(found->pixels, wanted.pixels) < 2);
  }
}

TEST_CASE("a device is asked for nothing but ordinary JPEGs within the limits that may be rounded") {
  Device device;
  CHECK(!device.decode(jpeg(), DecodeOptions{}));  // every pixel is asked for
  CHECK(!device.decode(jpeg(), kReduced, {.pixels_max = 1'000}));
  CHECK(!device.decode(jpeg({.arithmetic = true})));
  CHECK(!device.decode(write_jpeg(waves(64, 48), 64, 48, {})));  // too little to be worth it
  CHECK(!device.decode({}));
  CHECK(device.decoder->calls == 0);
  CHECK(device.decode(jpeg()));
  CHECK(device.decode(jpeg({.progressive = true})));
  CHECK(device.decoder->calls == 2);
  CoreBudget cores(1);
  DeviceDecoding none(nullptr, cores, {});
  CHECK(none.places() == 0);
  CHECK(!none.decode(jpeg(), {}, kReduced, Urgency::kQuery));
}

TEST_CASE("what a device declines, for want of a place or of memory, is nothing, and no failure") {
  Device device([](int call) -> std::optional<std::optional<Pixels>> {
    if (call % 2 == 0) throw std::bad_alloc();
    return std::optional<Pixels>();
  });
  const int rounds = 3 * DeviceDecoding::kFailuresMax;
  for (int i = 0; i < rounds; ++i) CHECK(!device.decode(jpeg()));
  CHECK(device.decoder->calls == rounds);
  CHECK(device.reasons.empty());
}

TEST_CASE("a device that fails is asked again until it has failed often in a row, and then given up with the reason, once") {
  bool works = false;
  Device device([&](int) -> std::optional<std::optional<Pixels>> {
    if (!works) throw std::runtime_error("the device fell off the bus");
    return std::nullopt;
  });
  const auto file = jpeg();
  for (int i = 0; i + 1 < DeviceDecoding::kFailuresMax; ++i) CHECK(!device.decode(file));
  works = true;
  CHECK(device.decode(file));
  works = false;
  for (int i = 0; i + 1 < DeviceDecoding::kFailuresMax; ++i) CHECK(!device.decode(file));
  CHECK(device.reasons.empty());
  CHECK(!device.decode(file));
  CHECK(device.reasons == std::vector<std::string>{"the device fell off the bus"});
  works = true;
  const int calls = device.decoder->calls;
  CHECK(!device.decode(file));
  CHECK(device.decoder->calls == calls);
  CHECK(device.reasons.size() == 1);
}

TEST_CASE("a picture of another size than the file's is a failure, and nothing of it is used") {
  Device device([](int) { return std::optional(std::optional(Pixels(7))); });
  for (int i = 0; i < DeviceDecoding::kFailuresMax; ++i) CHECK(!device.decode(jpeg()));
  CHECK(device.reasons.size() == 1);
}

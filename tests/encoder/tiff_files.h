// TIFF files, made with libtiff in memory.
#pragma once

#include <tiffio.h>

#include <catch2/catch_test_macros.hpp>
#include <cstring>
#include <memory>

#include "tests/encoder/pictures.h"

namespace clipdex::tests {

struct TiffOptions {
  std::uint32_t width = 37, height = 23;
  std::uint16_t bits = 8, samples = 3;
  std::uint16_t photometric = PHOTOMETRIC_RGB, compression = COMPRESSION_LZW;
  bool separate = false, tiled = false;
  int extra = -1;  // the fourth (second) sample's meaning
  std::uint16_t orientation = 0;
  const char* mode = "wl";  // little-endian; "wb" big-endian, "w8" BigTIFF
};

class TiffWriter {
 public:
  explicit TiffWriter(const char* mode) {
    const auto* none = static_cast<const char*>("memory");
    file_.reset(::TIFFClientOpen(
        none, mode, this, [](thandle_t self, void* to, tmsize_t size) { return static_cast<TiffWriter*>(self)->read(to, size); },
        [](thandle_t self, void* from, tmsize_t size) { return static_cast<TiffWriter*>(self)->write(from, size); },
        [](thandle_t self, toff_t offset, int origin) { return static_cast<TiffWriter*>(self)->seek(offset, origin); },
        [](thandle_t) { return 0; }, [](thandle_t self) -> toff_t { return static_cast<TiffWriter*>(self)->bytes_.size(); },
        [](thandle_t, void**, toff_t*) { return 0; }, [](thandle_t, void*, toff_t) {}));
    REQUIRE(file_);
  }
  TIFF* get() const { return file_.get(); }
  Bytes finish() {
    file_.reset();
    return bytes_;
  }

 private:
  tmsize_t read(void* to, tmsize_t size) {
    const std::size_t count = at_ < bytes_.size() ? std::min(bytes_.size() - at_, static_cast<std::size_t>(size)) : 0;
    std::memcpy(to, bytes_.data() + at_, count);
    at_ += count;
    return static_cast<tmsize_t>(count);
  }
  tmsize_t write(const void* from, tmsize_t size) {
    const auto count = static_cast<std::size_t>(size);
    if (bytes_.size() < at_ + count) bytes_.resize(at_ + count);
    std::memcpy(bytes_.data() + at_, from, count);
    at_ += count;
    return size;
  }
  toff_t seek(toff_t offset, int origin) {
    at_ = offset + (origin == SEEK_CUR ? at_ : origin == SEEK_END ? bytes_.size() : 0);
    return at_;
  }

  Bytes bytes_;
  std::size_t at_ = 0;
  std::unique_ptr<TIFF, void (*)(TIFF*)> file_{nullptr, ::TIFFClose};
};

inline void set_tiff_header(TIFF* file, const TiffOptions& options) {
  ::TIFFSetField(file, TIFFTAG_IMAGEWIDTH, options.width);
  ::TIFFSetField(file, TIFFTAG_IMAGELENGTH, options.height);
  ::TIFFSetField(file, TIFFTAG_BITSPERSAMPLE, options.bits);
  ::TIFFSetField(file, TIFFTAG_SAMPLESPERPIXEL, options.samples);
  ::TIFFSetField(file, TIFFTAG_PHOTOMETRIC, options.photometric);
  ::TIFFSetField(file, TIFFTAG_COMPRESSION, options.compression);
  ::TIFFSetField(file, TIFFTAG_PLANARCONFIG, options.separate ? PLANARCONFIG_SEPARATE : PLANARCONFIG_CONTIG);
  if (options.orientation != 0) ::TIFFSetField(file, TIFFTAG_ORIENTATION, options.orientation);
  if (options.extra >= 0) {
    const auto extra = static_cast<std::uint16_t>(options.extra);
    ::TIFFSetField(file, TIFFTAG_EXTRASAMPLES, 1, &extra);
  }
  if (options.photometric == PHOTOMETRIC_PALETTE) {
    std::vector<std::uint16_t> red, green, blue;
    for (int i = 0; i < 1 << options.bits; ++i) {  // index i has the colour (i, 255 - i, 7 i)
      red.push_back(static_cast<std::uint16_t>(i << 8));
      green.push_back(static_cast<std::uint16_t>((255 - i) << 8));
      blue.push_back(static_cast<std::uint16_t>(i * 7 << 8));
    }
    ::TIFFSetField(file, TIFFTAG_COLORMAP, red.data(), green.data(), blue.data());
  }
  if (options.tiled) {
    ::TIFFSetField(file, TIFFTAG_TILEWIDTH, 32);
    ::TIFFSetField(file, TIFFTAG_TILELENGTH, 16);
  } else {
    ::TIFFSetField(file, TIFFTAG_ROWSPERSTRIP, 8);
  }
}

// samples: [height, width, samples] as they are stored: packed where they have less than 8 bits (then one a pixel, each row in whole
// bytes), in this machine's order where they have 16.
inline Bytes tiff_file(const TiffOptions& options, const Bytes& samples) {
  TiffWriter writer(options.mode);
  set_tiff_header(writer.get(), options);
  const std::size_t sample_bytes = options.bits == 16 ? 2 : 1, in_pixel = options.samples * sample_bytes;
  const std::size_t row_bytes = options.bits < 8 ? (options.width * options.bits + 7) / 8 : options.width * in_pixel;
  const std::size_t planes = options.separate ? options.samples : 1;
  for (std::size_t plane = 0; plane < planes; ++plane) {
    // One plane's pixels in rows.
    Bytes rows;
    for (std::size_t i = 0; i < row_bytes * options.height; ++i) {
      if (!options.separate || i / sample_bytes % options.samples == plane) rows.push_back(samples[i]);
    }
    const std::size_t plane_row = row_bytes / planes, plane_pixel = in_pixel / planes;
    if (!options.tiled) {
      for (std::uint32_t y = 0; y < options.height; ++y)
        REQUIRE(::TIFFWriteScanline(writer.get(), rows.data() + y * plane_row, y, static_cast<std::uint16_t>(plane)) == 1);
      continue;
    }
    for (std::uint32_t y = 0; y < options.height; y += 16) {
      for (std::uint32_t x = 0; x < options.width; x += 32) {
        Bytes tile(32 * 16 * plane_pixel);
        for (std::uint32_t row = y; row < std::min(y + 16, options.height); ++row) {
          const std::size_t count = std::min<std::size_t>(32, options.width - x) * plane_pixel;
          std::copy_n(rows.begin() + static_cast<std::ptrdiff_t>(row * plane_row + x * plane_pixel), count,
                      tile.begin() + static_cast<std::ptrdiff_t>((row - y) * 32 * plane_pixel));
        }
        REQUIRE(::TIFFWriteTile(writer.get(), tile.data(), x, y, 0, static_cast<std::uint16_t>(plane)) > 0);
      }
    }
  }
  return writer.finish();
}

}  // namespace clipdex::tests

#include "encoder/tiff.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "encoder/color.h"
#include "encoder/exif.h"
#include "encoder/image_limits.h"
#include "encoder/tiff_file.h"
#include "encoder/tiff_segments.h"

namespace clipdex::encoder {
namespace {

[[noreturn]] void unsupported(const std::string& what) {
  throw ImageError(ImageError::Reason::kUnsupported, "TIFF files with " + what + " are not read: save it as 8-bit RGB with LZW or Deflate");
}

// How the file's samples become the picture's.
struct Layout {
  std::uint16_t photometric = PHOTOMETRIC_MINISWHITE;  // as Pillow has it where the tag is missing
  std::uint16_t bits = 1;
  std::size_t samples = 1;   // a pixel, in the file
  std::size_t channels = 1;  // of them, those that are kept
  bool separate = false;     // a plane a sample
  bool premultiplied = false;
  const std::uint16_t* colormap[3] = {};

  bool palette() const { return photometric == PHOTOMETRIC_PALETTE; }
  bool gray() const { return photometric == PHOTOMETRIC_MINISWHITE || photometric == PHOTOMETRIC_MINISBLACK; }
};

void check_compression(std::uint16_t compression) {
  constexpr std::array<std::uint16_t, 10> kRead = {
      COMPRESSION_NONE, COMPRESSION_CCITTRLE, COMPRESSION_CCITTRLEW, COMPRESSION_CCITTFAX3, COMPRESSION_CCITTFAX4,
      COMPRESSION_LZW,  COMPRESSION_JPEG,     COMPRESSION_PACKBITS,  COMPRESSION_DEFLATE,   COMPRESSION_ADOBE_DEFLATE};
  if (std::find(kRead.begin(), kRead.end(), compression) != kRead.end() && ::TIFFIsCODECConfigured(compression) == 1) return;
  const TIFFCodec* codec = ::TIFFFindCODEC(compression);
  unsupported(codec != nullptr ? std::string(codec->name) + " compression" : "compression " + std::to_string(compression));
}

std::size_t colors_of(std::uint16_t photometric) {
  switch (photometric) {
    case PHOTOMETRIC_MINISWHITE:
    case PHOTOMETRIC_MINISBLACK:
    case PHOTOMETRIC_PALETTE:
      return 1;
    case PHOTOMETRIC_RGB:
    case PHOTOMETRIC_YCBCR:
      return 3;
    case PHOTOMETRIC_SEPARATED:
      return 4;
    default:
      unsupported("colours of kind " + std::to_string(photometric));
  }
}

Layout read_layout(const TiffFile& file) {
  constexpr std::size_t kSamplesMax = 8;
  constexpr std::uint16_t kCorelAlpha = 999;
  Layout layout;
  layout.photometric = file.number16(TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_MINISWHITE);
  layout.bits = file.number16(TIFFTAG_BITSPERSAMPLE, 1);
  layout.samples = file.number16(TIFFTAG_SAMPLESPERPIXEL, 1);
  layout.separate = layout.samples > 1 && file.number16(TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG) == PLANARCONFIG_SEPARATE;
  const auto kind = file.number16(TIFFTAG_SAMPLEFORMAT, SAMPLEFORMAT_UINT);
  const bool whole = kind == SAMPLEFORMAT_UINT || kind == SAMPLEFORMAT_VOID || (kind == SAMPLEFORMAT_INT && layout.bits == 8);
  if (!whole) unsupported("signed, floating-point or complex samples");
  const std::size_t colors = colors_of(layout.photometric);
  const bool small = layout.bits == 1 || layout.bits == 2 || layout.bits == 4;
  const bool fits = layout.bits == 8 || (layout.bits == 16 && !layout.palette() && layout.photometric != PHOTOMETRIC_YCBCR) ||
                    (small && layout.samples == 1 && colors == 1);
  if (!fits) unsupported(std::to_string(layout.bits) + " bits a sample");
  if (layout.samples < colors || layout.samples > kSamplesMax) unsupported(std::to_string(layout.samples) + " samples a pixel");
  layout.channels = colors;
  std::uint16_t extra = 0;
  const std::uint16_t* kinds = nullptr;
  if (::TIFFGetField(file.get(), TIFFTAG_EXTRASAMPLES, &extra, &kinds) != 1) extra = 0;
  // RGB with a fourth sample that nothing is said about: Pillow takes it as alpha.
  const std::uint16_t first = extra > 0                               ? kinds[0]
                              : layout.photometric == PHOTOMETRIC_RGB ? kCorelAlpha
                                                                      : std::uint16_t{EXTRASAMPLE_UNSPECIFIED};
  const bool has_alpha = first == EXTRASAMPLE_ASSOCALPHA || first == EXTRASAMPLE_UNASSALPHA || first == kCorelAlpha;
  if (has_alpha && layout.samples > colors && (layout.photometric == PHOTOMETRIC_RGB || layout.photometric == PHOTOMETRIC_MINISBLACK)) {
    layout.channels = colors + 1;
    layout.premultiplied = first == EXTRASAMPLE_ASSOCALPHA && layout.channels == 4;
  }
  if (layout.palette() && ::TIFFGetField(file.get(), TIFFTAG_COLORMAP, &layout.colormap[0], &layout.colormap[1], &layout.colormap[2]) != 1)
    throw ImageError(ImageError::Reason::kCorrupt, "the TIFF file is damaged: it has no palette");
  return layout;
}

// Puts decoded rows of samples into the picture.
class PixelWriter {
 public:
  PixelWriter(const Layout& layout, Image& image) : layout_(layout), image_(image) {}

  // count pixels from (x, y) on. plane: which sample they are, if each has its plane.
  void put(const std::uint8_t* row, int x, int y, int count, std::size_t plane) {
    // Memory is taken as rows come, not as the header promises.
    const std::size_t row_bytes = static_cast<std::size_t>(image_.width) * static_cast<std::size_t>(image_.channels);
    image_.pixels.resize(std::max(image_.pixels.size(), (static_cast<std::size_t>(y) + 1) * row_bytes), 0);
    auto* target = image_.pixels.data() + static_cast<std::size_t>(y) * row_bytes +
                   static_cast<std::size_t>(x) * static_cast<std::size_t>(image_.channels);
    const std::size_t stride = layout_.separate ? 1 : layout_.samples;
    const std::size_t kept = layout_.separate ? 1 : layout_.channels;
    for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i, target += image_.channels) {
      for (std::size_t c = 0; c < kept; ++c) {
        const std::uint8_t value = sample(row, i * stride + c);
        if (layout_.palette()) {
          for (std::size_t color = 0; color < 3; ++color) target[color] = static_cast<std::uint8_t>(layout_.colormap[color][value] >> 8);
        } else {
          target[plane + c] = value;
        }
      }
    }
  }

 private:
  std::uint8_t sample(const std::uint8_t* row, std::size_t index) const {
    if (layout_.bits == 16) {  // in this machine's order
      std::uint16_t wide = 0;
      std::memcpy(&wide, row + 2 * index, sizeof wide);
      return static_cast<std::uint8_t>(layout_.channels == 1 ? std::min<int>(wide, 255) : wide >> 8);
    }
    int value = 0;
    if (layout_.bits == 8) {
      value = row[index];
    } else {  // packed: a row has fewer bytes than samples
      const unsigned per_byte = 8U / layout_.bits, largest = (1U << layout_.bits) - 1;
      const unsigned bits = row[index / per_byte] >> (8 - layout_.bits * (index % per_byte + 1)) & largest;
      value = static_cast<int>(layout_.palette() ? bits : bits * 255 / largest);
    }
    return static_cast<std::uint8_t>(layout_.photometric == PHOTOMETRIC_MINISWHITE ? 255 - value : value);
  }

  const Layout& layout_;
  Image& image_;
};

void read_strips(const TiffFile& file, const Layout& layout, Image& image) {
  const auto row_bytes = ::TIFFScanlineSize64(file.get());
  const std::size_t in_row = layout.separate ? 1 : layout.samples;
  if (row_bytes < (static_cast<std::uint64_t>(image.width) * in_row * layout.bits + 7) / 8) file.fail();
  std::vector<std::uint8_t> row(row_bytes);
  PixelWriter pixels(layout, image);
  for (std::size_t plane = 0; plane < (layout.separate ? layout.channels : 1); ++plane) {
    for (int y = 0; y < image.height; ++y) {
      if (::TIFFReadScanline(file.get(), row.data(), static_cast<std::uint32_t>(y), static_cast<std::uint16_t>(plane)) != 1) file.fail();
      pixels.put(row.data(), 0, y, image.width, plane);
    }
  }
}

// libtiff clears what a damaged tile leaves unset. So the first rows of a large one are read alone, and then ever more: memory is taken as
// rows come. It costs a third more, and large tiles are rare.
void read_large_tile(const TiffFile& file, std::uint32_t index, std::uint64_t row_bytes, Pixels& tile) {
  constexpr std::uint64_t kFirstBytes = std::uint64_t{8} << 20, kFactor = 4;
  for (std::uint64_t size = kFirstBytes / row_bytes * row_bytes; size > 0 && size < tile.size(); size *= kFactor) {
    if (::TIFFReadEncodedTile(file.get(), index, tile.data(), static_cast<tmsize_t>(size)) < 0) file.fail();
  }
}

// bytes_max: of a tile.
void read_tiles(const TiffFile& file, const Layout& layout, std::uint16_t compression, std::uint64_t bytes_max, std::size_t file_bytes,
                Image& image) {
  const auto tile_width = file.number32(TIFFTAG_TILEWIDTH, 0), tile_height = file.number32(TIFFTAG_TILELENGTH, 0);
  const std::uint64_t tile_bytes = ::TIFFTileSize64(file.get()), row_bytes = ::TIFFTileRowSize64(file.get());
  const std::size_t in_row = layout.separate ? 1 : layout.samples;
  if (tile_width < 1 || tile_height < 1 || row_bytes < (std::uint64_t{tile_width} * in_row * layout.bits + 7) / 8 ||
      row_bytes * tile_height != tile_bytes)
    file.fail();
  if (tile_bytes > bytes_max)
    throw ImageError(ImageError::Reason::kTooLarge, "the TIFF file's tiles are of " + std::to_string(tile_width) + " x " +
                                                        std::to_string(tile_height) + " pixels: save it in smaller ones");
  Pixels tile(tile_bytes);
  PixelWriter pixels(layout, image);
  const auto width = static_cast<std::uint32_t>(image.width), height = static_cast<std::uint32_t>(image.height);
  for (std::size_t plane = 0; plane < (layout.separate ? layout.channels : 1); ++plane) {
    for (std::uint32_t y = 0; y < height; y += tile_height) {
      for (std::uint32_t x = 0; x < width; x += tile_width) {
        const std::uint32_t index = ::TIFFComputeTile(file.get(), x, y, 0, static_cast<std::uint16_t>(plane));
        check_tile(file, compression, index, tile_bytes, file_bytes);
        read_large_tile(file, index, row_bytes, tile);
        if (::TIFFReadEncodedTile(file.get(), index, tile.data(), static_cast<tmsize_t>(tile_bytes)) < 0) file.fail();
        for (std::uint32_t row = 0; row < std::min(tile_height, height - y); ++row)
          pixels.put(tile.data() + row * row_bytes, static_cast<int>(x), static_cast<int>(y + row),
                     static_cast<int>(std::min(tile_width, width - x)), plane);
      }
    }
  }
}

// Subsampled YCbCr outside of JPEG, through libtiff's own conversion, as Pillow does it.
void read_ycbcr(const TiffFile& file, Image& image) {
  char message[1024] = "";
  TIFFRGBAImage reader;
  if (::TIFFRGBAImageBegin(&reader, file.get(), /*stop=*/1, message) != 1)
    throw ImageError(ImageError::Reason::kUnsupported, std::string("this kind of TIFF file is not read: ") + message);
  const std::unique_ptr<TIFFRGBAImage, void (*)(TIFFRGBAImage*)> owner(&reader, ::TIFFRGBAImageEnd);
  reader.req_orientation = reader.orientation;  // rows as they are stored: they are turned later
  // Unset: memory is taken as rows come.
  std::vector<std::uint32_t, UninitializedAllocator<std::uint32_t>> raster(static_cast<std::size_t>(image.width) *
                                                                           static_cast<std::size_t>(image.height));
  if (::TIFFRGBAImageGet(&reader, raster.data(), reader.width, reader.height) != 1) file.fail();
  image.pixels.resize(raster.size() * 3);
  for (std::size_t i = 0; i < raster.size(); ++i) {
    image.pixels[3 * i] = static_cast<std::uint8_t>(TIFFGetR(raster[i]));
    image.pixels[3 * i + 1] = static_cast<std::uint8_t>(TIFFGetG(raster[i]));
    image.pixels[3 * i + 2] = static_cast<std::uint8_t>(TIFFGetB(raster[i]));
  }
}

}  // namespace

Image decode_tiff(std::span<const std::uint8_t> bytes, const ImageLimits& limits) {
  const TiffFile file(bytes);
  const auto width = file.number32(TIFFTAG_IMAGEWIDTH, 0), height = file.number32(TIFFTAG_IMAGELENGTH, 0);
  check_size(width, height, limits);
  const auto compression = file.number16(TIFFTAG_COMPRESSION, COMPRESSION_NONE);
  check_compression(compression);
  const Layout layout = read_layout(file);
  const bool ycbcr = layout.photometric == PHOTOMETRIC_YCBCR;
  const bool converted_by_jpeg = ycbcr && compression == COMPRESSION_JPEG && !layout.separate;
  if (converted_by_jpeg) ::TIFFSetField(file.get(), TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
  Image image{.width = static_cast<int>(width),
              .height = static_cast<int>(height),
              .channels = layout.palette() ? 3 : static_cast<int>(layout.channels),
              .indexed = layout.palette() || layout.bits == 1,
              .format = ImageFormat::kTiff,
              .pixels = {}};
  const std::uint64_t row_bits = std::uint64_t{width} * layout.bits *
                                 (ycbcr && !converted_by_jpeg ? 1
                                  : layout.separate           ? 1
                                                              : layout.samples);  // chroma may be less
  const TiffPicture picture{.height = height,
                            .compression = compression,
                            .row_bits = row_bits,
                            .planes = layout.separate && !ycbcr ? layout.samples : std::size_t{1}};
  check_segments(file, picture, bytes);
  image.pixels.reserve(std::size_t{width} * height * static_cast<std::size_t>(image.channels));
  if (ycbcr && !converted_by_jpeg) {
    read_ycbcr(file, image);
  } else if (::TIFFIsTiled(file.get()) != 0) {
    // A tile may be the whole picture, but not take more memory than the largest permitted one.
    constexpr std::uint64_t kTileBytesLeast = std::uint64_t{16} << 20;
    const std::uint64_t whole = (std::uint64_t{width} + 256) * (std::uint64_t{height} + 256) * layout.samples * layout.bits / 8;
    const std::uint64_t tile_bytes_max = std::max(kTileBytesLeast, std::min(whole, 3 * limits.pixels_max));
    read_tiles(file, layout, compression, tile_bytes_max, bytes.size(), image);
  } else {
    read_strips(file, layout, image);
  }
  if (layout.photometric == PHOTOMETRIC_SEPARATED) cmyk_to_rgb(image, InkSamples::kInk);
  if (layout.premultiplied) unpremultiply_file(image);
  return apply_orientation(std::move(image), file.number16(TIFFTAG_ORIENTATION, 1));
}

}  // namespace clipdex::encoder

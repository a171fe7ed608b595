#include "encoder/heif.h"

#include <libheif/heif.h>

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string>

#include "encoder/color.h"
#include "encoder/heif_items.h"
#include "encoder/image_limits.h"

namespace clipdex::encoder {
namespace {

template <typename T, auto kRelease>
struct Release {
  void operator()(T* pointer) const { kRelease(pointer); }
};
using Context = std::unique_ptr<heif_context, Release<heif_context, ::heif_context_free>>;
using Handle = std::unique_ptr<heif_image_handle, Release<heif_image_handle, ::heif_image_handle_release>>;
using Options = std::unique_ptr<heif_decoding_options, Release<heif_decoding_options, ::heif_decoding_options_free>>;
using Decoded = std::unique_ptr<heif_image, Release<heif_image, ::heif_image_release>>;

constexpr std::uint64_t kHeaderBytesMax = std::uint64_t{32} << 20;  // for everything but pixels

// Loads the decoders, once; they stay to the end of the process.
void initialise() {
  static const bool ready = ::heif_init(nullptr).code == heif_error_Ok;
  if (!ready) throw std::runtime_error("libheif cannot be initialised");
}

void check(const heif_error& error, ImageFormat format) {
  if (error.code == heif_error_Ok) return;
  const std::string name = format == ImageFormat::kAvif ? "AVIF" : "HEIC", message = error.message != nullptr ? error.message : "";
  if (error.subcode == heif_suberror_Security_limit_exceeded || error.code == heif_error_Memory_allocation_error)
    throw ImageError(ImageError::Reason::kTooLarge, "the " + name + " file asks for too much: " + message);
  if (error.code == heif_error_Unsupported_feature || error.code == heif_error_Unsupported_filetype)
    throw ImageError(ImageError::Reason::kUnsupported, "this kind of " + name + " file is not read: " + message);
  throw ImageError(ImageError::Reason::kCorrupt, "the " + name + " file is damaged: " + message);
}

// libheif bounds the children of every box, but not the boxes that a file has in a row.
void check_boxes(std::span<const std::uint8_t> file) {
  constexpr int kBoxesMax = 1000;
  constexpr std::size_t kHeaderBytes = 8;
  int boxes = 0;
  for (std::size_t at = 0; file.size() - at >= kHeaderBytes; ++boxes) {
    if (boxes == kBoxesMax) throw ImageError(ImageError::Reason::kTooLarge, "the file has over " + std::to_string(kBoxesMax) + " boxes");
    std::size_t size = 0;
    for (std::size_t i = 0; i < 4; ++i) size = size << 8 | file[at + i];
    // Up to the end, longer than 4 GiB, or damaged: nothing comes behind it.
    if (size < kHeaderBytes || size > file.size() - at) return;
    at += size;
  }
}

void set_limits(heif_context* context, std::uint64_t pixels_max, std::uint64_t memory_max) {
  heif_security_limits* limits = ::heif_context_get_security_limits(context);
  limits->max_image_size_pixels = pixels_max;
  limits->max_memory_block_size = memory_max;
  limits->max_total_memory = memory_max;
  limits->max_color_profile_size = std::uint32_t{4} << 20;
}

Options decoding_options() {
  Options options(::heif_decoding_options_alloc());
  if (!options) throw std::bad_alloc();
  options->convert_hdr_to_8bit = 1;
  // Pictures are decoded in parallel already.
  options->num_library_threads = 1;
  options->num_codec_threads = 1;
  return options;
}

void copy_pixels(const heif_image* decoded, Image& image) {
  int stride = 0;
  const std::uint8_t* plane = ::heif_image_get_plane_readonly(decoded, heif_channel_interleaved, &stride);
  if (plane == nullptr) throw ImageError(ImageError::Reason::kCorrupt, "the picture has no pixels");
  const std::size_t row = static_cast<std::size_t>(image.width) * static_cast<std::size_t>(image.channels);
  image.pixels.resize(row * static_cast<std::size_t>(image.height));
  for (std::size_t y = 0; y < static_cast<std::size_t>(image.height); ++y)
    std::copy_n(plane + y * static_cast<std::size_t>(stride), row, image.pixels.begin() + static_cast<std::ptrdiff_t>(y * row));
}

}  // namespace

Image decode_heif(std::span<const std::uint8_t> bytes, ImageFormat format, const ImageLimits& limits) {
  check_boxes(bytes);
  initialise();
  const Context context(::heif_context_alloc());
  if (!context) throw std::bad_alloc();
  ::heif_context_set_max_decoding_threads(context.get(), 0);
  set_limits(context.get(), limits.pixels_max, kHeaderBytesMax);
  check(::heif_context_read_from_memory_without_copy(context.get(), bytes.data(), bytes.size(), nullptr), format);
  heif_image_handle* primary = nullptr;
  check(::heif_context_get_primary_image_handle(context.get(), &primary), format);
  const Handle handle(primary);
  const int width = ::heif_image_handle_get_width(handle.get()), height = ::heif_image_handle_get_height(handle.get());
  check_size(width, height, limits);
  // The coded picture is padded to whole blocks or tiles, and then cropped; it must not be of another order than what is left of it.
  constexpr std::int64_t kPadding = 512;
  constexpr std::uint64_t kBytesPerPixel = 16;  // 16-bit YCbCr and alpha, and RGBA from them
  const int coded_width = ::heif_image_handle_get_ispe_width(handle.get()),
            coded_height = ::heif_image_handle_get_ispe_height(handle.get());
  const auto pixels = static_cast<std::uint64_t>((std::max(width, coded_width) + kPadding) * (std::max(height, coded_height) + kPadding));
  check_size(std::max<std::int64_t>(width, coded_width - kPadding), std::max<std::int64_t>(height, coded_height - kPadding), limits);
  check_items(context.get(), ::heif_image_handle_get_item_id(handle.get()), pixels, bytes.size());
  set_limits(context.get(), pixels, kHeaderBytesMax + pixels * kBytesPerPixel);

  const bool alpha = ::heif_image_handle_has_alpha_channel(handle.get()) != 0;
  heif_image* picture = nullptr;
  check(::heif_decode_image(handle.get(), &picture, heif_colorspace_RGB, alpha ? heif_chroma_interleaved_RGBA : heif_chroma_interleaved_RGB,
                            decoding_options().get()),
        format);
  const Decoded decoded(picture);
  Image image{.width = ::heif_image_get_primary_width(decoded.get()),
              .height = ::heif_image_get_primary_height(decoded.get()),
              .channels = alpha ? 4 : 3,
              .indexed = false,
              .format = format,
              .pixels = {}};
  check_size(image.width, image.height, limits);
  copy_pixels(decoded.get(), image);
  if (alpha && ::heif_image_handle_is_premultiplied_alpha(handle.get()) != 0) unpremultiply_file(image);
  return image;
}

}  // namespace clipdex::encoder

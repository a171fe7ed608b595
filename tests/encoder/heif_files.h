// HEIC and AVIF files, made with libheif's encoders.
#pragma once

#include <libheif/heif.h>

#include <catch2/catch_test_macros.hpp>
#include <memory>

#include "tests/encoder/pictures.h"

namespace clipdex::tests {

struct HeifOptions {
  heif_compression_format codec = heif_compression_HEVC;
  int width = 64, height = 48;
  int channels = 3;  // 1 gray, 3 RGB, 4 RGBA
  int bits = 8;      // more: the samples are stretched
  int orientation = 1;
  int quality = 95;
};

inline void require_ok(const heif_error& error) {
  INFO((error.message != nullptr ? error.message : ""));
  REQUIRE(error.code == heif_error_Ok);
}

// pixels: 8-bit, [height, width, channels].
inline Bytes heif_file(const HeifOptions& options, const Bytes& pixels) {
  require_ok(::heif_init(nullptr));
  const std::unique_ptr<heif_context, void (*)(heif_context*)> context(::heif_context_alloc(), ::heif_context_free);
  heif_encoder* raw_encoder = nullptr;
  require_ok(::heif_context_get_encoder_for_format(context.get(), options.codec, &raw_encoder));
  const std::unique_ptr<heif_encoder, void (*)(heif_encoder*)> encoder(raw_encoder, ::heif_encoder_release);
  ::heif_encoder_set_lossy_quality(encoder.get(), options.quality);
  ::heif_encoder_set_logging_level(encoder.get(), 0);
  const bool gray = options.channels == 1, wide = options.bits > 8;
  const heif_chroma chroma = gray                    ? heif_chroma_monochrome
                             : options.channels == 4 ? heif_chroma_interleaved_RGBA
                             : wide                  ? heif_chroma_interleaved_RRGGBB_LE
                                                     : heif_chroma_interleaved_RGB;
  heif_image* raw_image = nullptr;
  require_ok(
      ::heif_image_create(options.width, options.height, gray ? heif_colorspace_monochrome : heif_colorspace_RGB, chroma, &raw_image));
  const std::unique_ptr<heif_image, void (*)(const heif_image*)> image(raw_image, ::heif_image_release);
  const heif_channel channel = gray ? heif_channel_Y : heif_channel_interleaved;
  require_ok(::heif_image_add_plane(image.get(), channel, options.width, options.height, options.bits));
  int stride = 0;
  std::uint8_t* plane = ::heif_image_get_plane(image.get(), channel, &stride);
  const int in_row = options.width * options.channels;
  for (int y = 0; y < options.height; ++y) {
    for (int i = 0; i < in_row; ++i) {
      const int value = pixels[static_cast<std::size_t>(y * in_row + i)], stretched = value * ((1 << options.bits) - 1) / 255;
      if (wide) {
        plane[y * stride + 2 * i] = static_cast<std::uint8_t>(stretched);
        plane[y * stride + 2 * i + 1] = static_cast<std::uint8_t>(stretched >> 8);
      } else {
        plane[y * stride + i] = static_cast<std::uint8_t>(value);
      }
    }
  }
  const std::unique_ptr<heif_encoding_options, void (*)(heif_encoding_options*)> encoding(::heif_encoding_options_alloc(),
                                                                                          ::heif_encoding_options_free);
  encoding->image_orientation = static_cast<heif_orientation>(options.orientation);
  require_ok(::heif_context_encode_image(context.get(), image.get(), encoder.get(), encoding.get(), nullptr));
  Bytes file;
  heif_writer writer{1, [](heif_context*, const void* data, std::size_t size, void* to) {
                       const auto* bytes = static_cast<const std::uint8_t*>(data);
                       static_cast<Bytes*>(to)->insert(static_cast<Bytes*>(to)->end(), bytes, bytes + size);
                       return heif_error{heif_error_Ok, heif_suberror_Unspecified, ""};
                     }};
  require_ok(::heif_context_write(context.get(), &writer, &file));
  return file;
}

}  // namespace clipdex::tests

// JPEG files of every kind, made with libjpeg: TurboJPEG does not write arithmetic coding, restart markers or chosen scans.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
// libjpeg's header needs size_t and FILE.
#include <jpeglib.h>

#include <cstdlib>
#include <vector>

namespace clipdex::tests {

struct JpegOptions {
  int quality = 90;
  int horizontal = 2, vertical = 2;  // luma samples for one of chroma
  bool progressive = false, arithmetic = false;
  int restart_interval = 0;                // in MCUs
  std::vector<jpeg_scan_info> scans = {};  // empty: as libjpeg likes
  bool gray = false;
};

// rgb: [height, width, 3], or [height, width] if it is gray.
inline std::vector<std::uint8_t> write_jpeg(const std::vector<std::uint8_t>& pixels, int width, int height, const JpegOptions& options) {
  jpeg_compress_struct info{};
  jpeg_error_mgr errors{};
  info.err = ::jpeg_std_error(&errors);
  jpeg_create_compress(&info);
  unsigned char* data = nullptr;
  unsigned long size = 0;
  ::jpeg_mem_dest(&info, &data, &size);
  info.image_width = static_cast<JDIMENSION>(width);
  info.image_height = static_cast<JDIMENSION>(height);
  info.input_components = options.gray ? 1 : 3;
  info.in_color_space = options.gray ? JCS_GRAYSCALE : JCS_RGB;
  ::jpeg_set_defaults(&info);
  ::jpeg_set_quality(&info, options.quality, TRUE);
  if (!options.gray) {
    info.comp_info[0].h_samp_factor = options.horizontal;
    info.comp_info[0].v_samp_factor = options.vertical;
  }
  if (options.progressive) ::jpeg_simple_progression(&info);
  if (!options.scans.empty()) {
    info.scan_info = options.scans.data();
    info.num_scans = static_cast<int>(options.scans.size());
  }
  info.arith_code = options.arithmetic ? TRUE : FALSE;
  info.restart_interval = static_cast<unsigned>(options.restart_interval);
  ::jpeg_start_compress(&info, TRUE);
  const std::size_t stride = static_cast<std::size_t>(width) * static_cast<std::size_t>(info.input_components);
  while (info.next_scanline < info.image_height) {
    auto* row = const_cast<JSAMPLE*>(pixels.data() + info.next_scanline * stride);
    ::jpeg_write_scanlines(&info, &row, 1);
  }
  ::jpeg_finish_compress(&info);
  ::jpeg_destroy_compress(&info);
  std::vector<std::uint8_t> bytes(data, data + size);
  std::free(data);
  return bytes;
}

// `count` scans of a gray picture, each over all of its blocks: every coefficient on its own, bit by bit.
inline std::vector<jpeg_scan_info> many_scans(std::size_t count) {
  constexpr int kBits = 10;
  std::vector<jpeg_scan_info> scans;
  for (int coefficient = 0; coefficient < 64; ++coefficient) {
    for (int low = kBits; low >= 0 && scans.size() < count; --low)
      scans.push_back({1, {0}, coefficient, coefficient, low == kBits ? 0 : low + 1, low});
  }
  return scans;
}

}  // namespace clipdex::tests

#include "encoder/jpeg.h"

#include <algorithm>
#include <array>
#include <csetjmp>
#include <cstddef>
#include <cstdio>
// libjpeg's header needs size_t and FILE.
#include <jerror.h>
#include <jpeglib.h>

#include <string>
#include <utility>
#include <vector>

#include "encoder/color.h"
#include "encoder/exif.h"
#include "encoder/image_limits.h"
#include "encoder/jpeg_scans.h"

namespace clipdex::encoder {
namespace {

// libjpeg reports errors by a callback that must not return, so longjmp leaves it.
struct Session {
  jpeg_decompress_struct info;
  jpeg_error_mgr errors;
  jpeg_progress_mgr progress;
  std::jmp_buf escape;
  int code;  // of the message, see jerror.h
  std::array<char, JMSG_LENGTH_MAX> message;
  std::uint64_t blocks_left;
  bool too_much_work;
  ~Session() { ::jpeg_destroy_decompress(&info); }
};

Session& session_of(j_common_ptr info) { return *static_cast<Session*>(info->client_data); }

[[noreturn]] void give_up(j_common_ptr info) {
  Session& session = session_of(info);
  session.code = session.errors.msg_code;
  session.errors.format_message(info, session.message.data());
  std::longjmp(session.escape, 1);
}

// Cameras leave stray bytes between segments, odd revisions and odd Adobe markers; every decoder reads such files. Every other warning is
// of damage that libjpeg would paint over.
void take_message(j_common_ptr info, int level) {
  if (level >= 0) return;
  const int code = info->err->msg_code;
  if (code == JWRN_EXTRANEOUS_DATA || code == JWRN_ADOBE_XFORM || code == JWRN_JFIF_MAJOR) return;
  give_up(info);
}

// Called once a row of blocks while scans are read, whatever the markers promised.
void count_work(j_common_ptr common) {
  const auto* info = reinterpret_cast<const jpeg_decompress_struct*>(common);
  Session& session = session_of(common);
  std::uint64_t blocks = 0;
  for (int i = 0; i < info->comps_in_scan; ++i) {
    const auto* component = info->cur_comp_info[i];
    blocks += std::uint64_t{component->width_in_blocks} * static_cast<std::uint64_t>(component->v_samp_factor);
  }
  if (blocks <= session.blocks_left) {
    session.blocks_left -= blocks;
    return;
  }
  session.too_much_work = true;
  give_up(common);
}

[[noreturn]] void too_many_scans(int scans) {
  throw ImageError(ImageError::Reason::kTooLarge, "the JPEG file goes over its picture in " + std::to_string(scans) +
                                                      " scans, far more than a picture needs: save it again as an ordinary JPEG");
}

class Decompressor {
 public:
  explicit Decompressor(std::span<const std::uint8_t> file) {
    session_.info.err = ::jpeg_std_error(&session_.errors);
    session_.errors.error_exit = give_up;
    session_.errors.emit_message = take_message;
    session_.info.client_data = &session_;  // jpeg_create_decompress() keeps these two
    run([file](jpeg_decompress_struct& info) {
      jpeg_create_decompress(&info);
      ::jpeg_mem_src(&info, file.data(), file.size());
      ::jpeg_read_header(&info, /*require_image=*/TRUE);
    });
  }
  Decompressor(const Decompressor&) = delete;
  Decompressor& operator=(const Decompressor&) = delete;

  jpeg_decompress_struct& info() { return session_.info; }

  void limit_work(std::uint64_t blocks) {
    session_.blocks_left = blocks;
    session_.progress.progress_monitor = count_work;
    session_.info.progress = &session_.progress;
  }

  // `step` calls libjpeg and owns nothing that a destructor would have to free: an error leaves it by longjmp. Throws ImageError then.
  template <typename Step>
  void run(const Step& step) {
    if (setjmp(session_.escape) == 0) {  // NOLINT(cert-err52-cpp): libjpeg's errors cannot leave it otherwise
      step(session_.info);
      return;
    }
    fail();
  }

 private:
  [[noreturn]] void fail() {
    if (session_.too_much_work) too_many_scans(session_.info.input_scan_number);
    switch (session_.code) {
      case JERR_OUT_OF_MEMORY:
        throw std::bad_alloc();
      case JERR_BAD_PRECISION:
      case JERR_SOF_UNSUPPORTED:
      case JERR_ARITH_NOTIMPL:
      case JERR_CONVERSION_NOTIMPL:
      case JERR_COMPONENT_COUNT:
        throw ImageError(ImageError::Reason::kUnsupported,
                         std::string("this kind of JPEG file is not read: ") + session_.message.data() + ": save it as an ordinary JPEG");
      default:
        throw ImageError(ImageError::Reason::kCorrupt, std::string("the JPEG file is damaged: ") + session_.message.data());
    }
  }

  Session session_{};
};

// Before any memory is taken for what several scans need.
void check_scans(Decompressor& decompressor, std::span<const std::uint8_t> file, const ImageLimits& limits) {
  auto& info = decompressor.info();
  if (::jpeg_has_multiple_scans(&info) == 0) return;
  std::vector<JpegComponent> components;
  std::uint64_t blocks = 0;
  for (int i = 0; i < info.num_components; ++i) {
    const auto& component = info.comp_info[i];
    const std::uint64_t of_this = std::uint64_t{component.width_in_blocks} * component.height_in_blocks;
    components.push_back({component.component_id, of_this});
    blocks += of_this;
  }
  const auto permitted = scan_limits(blocks, file.size(), limits);
  if (blocks * kCoefficientBytesOfBlock > permitted.coefficient_bytes) {
    throw ImageError(ImageError::Reason::kTooLarge, "the JPEG file is progressive, which takes " +
                                                        std::to_string((blocks * kCoefficientBytesOfBlock) >> 20) +
                                                        " MiB at its size, and " + std::to_string(permitted.coefficient_bytes >> 20) +
                                                        " MiB are the limit: scale it down");
  }
  const auto scans = count_scans(file, components);
  if (scans.count > permitted.scans || scans.blocks > permitted.blocks) too_many_scans(scans.count);
  // A row of blocks is counted whole where an odd number of them ends a picture.
  decompressor.limit_work(2 * permitted.blocks);
}

}  // namespace

int jpeg_reduction(int width, int height, const DecodeOptions& options) {
  if (options.shorter_side_min <= 0 && options.longer_side_min <= 0) return 1;
  for (const int reduction : {8, 4, 2}) {
    const auto reduced = [reduction](int side) { return (side + reduction - 1) / reduction; };
    if (reduced(std::min(width, height)) >= options.shorter_side_min && reduced(std::max(width, height)) >= options.longer_side_min)
      return reduction;
  }
  return 1;
}

Image finish_jpeg(Image image, int width, int height, int reduction, std::span<const std::uint8_t> file) {
  if (reduction > 1) {
    image.full_width = width;
    image.full_height = height;
    image.extent = {
        .left = 0, .top = 0, .width = static_cast<double>(width) / reduction, .height = static_cast<double>(height) / reduction};
  }
  return apply_orientation(std::move(image), jpeg_orientation(file));
}

Image decode_jpeg(std::span<const std::uint8_t> bytes, const ImageLimits& limits, const DecodeOptions& options) {
  Decompressor decompressor(bytes);
  auto& info = decompressor.info();
  const int width = static_cast<int>(info.image_width), height = static_cast<int>(info.image_height);
  check_size(width, height, limits);
  check_scans(decompressor, bytes, limits);
  const int reduction = jpeg_reduction(width, height, options);
  const bool gray = info.jpeg_color_space == JCS_GRAYSCALE;
  const bool cmyk = info.jpeg_color_space == JCS_CMYK || info.jpeg_color_space == JCS_YCCK;
  info.out_color_space = gray ? JCS_GRAYSCALE : cmyk ? JCS_CMYK : JCS_RGB;
  info.dct_method = JDCT_ISLOW;
  info.scale_num = 1;
  info.scale_denom = static_cast<unsigned>(reduction);
  decompressor.run([](jpeg_decompress_struct& of) { ::jpeg_calc_output_dimensions(&of); });
  Image image{.width = static_cast<int>(info.output_width),
              .height = static_cast<int>(info.output_height),
              .channels = info.out_color_components,
              .indexed = false,
              .format = ImageFormat::kJpeg,
              .pixels = {}};
  const std::size_t stride = static_cast<std::size_t>(image.width) * static_cast<std::size_t>(image.channels);
  image.pixels.resize(stride * static_cast<std::size_t>(image.height));
  decompressor.run([pixels = image.pixels.data(), stride](jpeg_decompress_struct& of) {
    ::jpeg_start_decompress(&of);
    of.progress = nullptr;  // all scans are read
    while (of.output_scanline < of.output_height) {
      constexpr unsigned kRows = 16;
      std::array<JSAMPROW, kRows> rows;
      const unsigned count = std::min(kRows, of.output_height - of.output_scanline);
      for (unsigned i = 0; i < count; ++i) rows[i] = pixels + (of.output_scanline + i) * stride;
      ::jpeg_read_scanlines(&of, rows.data(), count);
    }
    ::jpeg_finish_decompress(&of);
  });
  if (cmyk) cmyk_to_rgb(image, InkSamples::kInverted);  // Pillow takes every CMYK file as Adobe's, marker or not
  return finish_jpeg(std::move(image), width, height, reduction, bytes);
}

}  // namespace clipdex::encoder

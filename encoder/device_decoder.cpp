#include "encoder/device_decoder.h"

#include <exception>
#include <new>
#include <stdexcept>
#include <utility>

#include "encoder/jpeg.h"
#ifdef CLIPDEX_NVJPEG
#include "encoder/cuda/jpeg_decoder.h"
#endif

namespace clipdex::encoder {
namespace {

std::uint64_t pixels(int width, int height) { return static_cast<std::uint64_t>(width) * static_cast<std::uint64_t>(height); }

int divided(int side, int reduction) { return (side + reduction - 1) / reduction; }

}  // namespace

std::unique_ptr<DeviceDecoder> make_device_decoder([[maybe_unused]] const ComputeDevice& device) {
#ifdef CLIPDEX_NVJPEG
  if (device.kind == DeviceKind::kCuda) return make_cuda_jpeg_decoder(device.index);
#endif
  return nullptr;
}

DeviceDecoding::DeviceDecoding(std::shared_ptr<DeviceDecoder> decoder, CoreBudget& cores,
                               std::function<void(const std::string& reason)> on_failure)
    : decoder_(std::move(decoder)), cores_(cores), on_failure_(std::move(on_failure)) {}

std::optional<Image> DeviceDecoding::decode(std::span<const std::uint8_t> file, const ImageLimits& limits, const DecodeOptions& options,
                                            Urgency urgency) {
  const bool exact = options.shorter_side_min <= 0 && options.longer_side_min <= 0;
  if (!decoder_ || exact || given_up_) return std::nullopt;
  const auto jpeg = inspect_ordinary_jpeg(file, limits);
  if (!jpeg || pixels(jpeg->width, jpeg->height) < kDevicePixelsMin || pixels(jpeg->width, jpeg->height) > kDevicePixelsMax)
    return std::nullopt;
  const int reduction = jpeg_reduction(jpeg->width, jpeg->height, options);
  Image image{.width = divided(jpeg->width, reduction),
              .height = divided(jpeg->height, reduction),
              .channels = jpeg->components,
              .indexed = false,
              .format = ImageFormat::kJpeg,
              .pixels = {}};
  if (pixels(image.width, image.height) > kReducedPixelsMax) return std::nullopt;
  // Huffman codes of several scans are the CPU's work with a device, too.
  std::optional<CoreBudget::Worker> core;
  if (jpeg->scans > 1) core.emplace(cores_, urgency);
  try {
    auto decoded = decoder_->decode(file.first(jpeg->bytes), *jpeg, reduction);
    if (!decoded) return std::nullopt;
    if (decoded->size() != pixels(image.width, image.height) * static_cast<std::size_t>(image.channels))
      throw std::logic_error("a picture of another size came back");
    failures_in_a_row_ = 0;
    image.pixels = std::move(*decoded);
    return finish_jpeg(std::move(image), jpeg->width, jpeg->height, reduction, file);
  } catch (const std::bad_alloc&) {
    return std::nullopt;
  } catch (const std::exception& error) {
    failed(error.what());
    return std::nullopt;
  }
}

void DeviceDecoding::failed(const std::string& reason) {
  if (++failures_in_a_row_ < kFailuresMax || given_up_.exchange(true)) return;
  if (on_failure_) on_failure_(reason);
}

}  // namespace clipdex::encoder

// Pictures decoded beside the CPU, by a device that can. Private to encoder/.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "encoder/compute_device.h"
#include "encoder/core_budget.h"
#include "encoder/image.h"
#include "encoder/image_decoder.h"
#include "encoder/jpeg_inspection.h"

namespace clipdex::encoder {

// What a device is asked for: below, the CPU is done before the device has begun; above, a place's memory on the device would be too much.
inline constexpr std::uint64_t kDevicePixelsMin = std::uint64_t{1} << 16, kDevicePixelsMax = std::uint64_t{26} << 20;
// And of what comes back: many may wait for a core.
inline constexpr std::uint64_t kReducedPixelsMax = std::uint64_t{8} << 20;

// Any thread may call it.
class DeviceDecoder {
 public:
  virtual ~DeviceDecoder() = default;

  // Pictures that it decodes at once.
  virtual std::size_t places() const = 0;

  // `file`: as inspect_ordinary_jpeg() found it, without what stands behind its end; at most kDevicePixelsMax pixels. `reduction`: 1, 2, 4
  // or 8. -> [height / reduction, width / reduction, components], both sides rounded up, as it is stored: the mean of each square of
  // reduction x reduction pixels. Waits for the device, never for a place. Nothing where it cannot be done now or for this file: no place
  // is free, memory is short, the device refuses the file. Throws std::exception where the device failed.
  virtual std::optional<Pixels> decode(std::span<const std::uint8_t> file, const OrdinaryJpeg& jpeg, int reduction) = 0;
};

// nullptr where the device has none, or this build none for it. Throws std::exception that says why where it should work and does not.
std::unique_ptr<DeviceDecoder> make_device_decoder(const ComputeDevice& device);

// Which pictures a device decodes, and what becomes of it when it fails. Whatever is not decoded here is the CPU's: decode_image() decides
// on it, so that a file is refused with the same error with and without a device. Any thread may call it.
class DeviceDecoding {
 public:
  // `decoder`: nullptr for none. `on_failure`: called once, by whichever thread, with the reason for which it is asked no more.
  DeviceDecoding(std::shared_ptr<DeviceDecoder> decoder, CoreBudget& cores, std::function<void(const std::string& reason)> on_failure);

  // One failure may be a file's fault, so many in a row are the device's.
  static constexpr int kFailuresMax = 8;

  // 0 if there is no device.
  std::size_t places() const { return decoder_ ? decoder_->places() : 0; }

  // An ordinary JPEG within the limits, decoded to what decode_image() gives but for rounding, or nothing. Nothing for options that ask for
  // every pixel. The caller must hold no core: one is taken where the device leaves much of the work to the CPU.
  std::optional<Image> decode(std::span<const std::uint8_t> file, const ImageLimits& limits, const DecodeOptions& options, Urgency urgency);

 private:
  void failed(const std::string& reason);

  std::shared_ptr<DeviceDecoder> decoder_;
  CoreBudget& cores_;
  std::function<void(const std::string& reason)> on_failure_;
  std::atomic<int> failures_in_a_row_ = 0;
  std::atomic<bool> given_up_ = false;
};

}  // namespace clipdex::encoder

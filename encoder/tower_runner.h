// A model's towers where they compute. Private to encoder/: no LibTorch shows here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "encoder/compute_device.h"
#include "encoder/image_batch.h"
#include "encoder/model_directory.h"

namespace clipdex::encoder {

// Rows of the same length: what stands behind a row's pooled position does not matter.
struct TokenBatch {
  std::size_t rows = 0, length = 0;
  std::vector<std::int64_t> ids;     // [rows, length]
  std::vector<std::int64_t> pooled;  // [rows], where each row's end token stands
};

// For one thread at a time: the encoder's.
class TowerRunner {
 public:
  virtual ~TowerRunner() = default;

  // Pictures of one step: more at once are no faster.
  virtual std::size_t images_per_step() const = 0;
  // And tokens of texts, padding included.
  virtual std::size_t tokens_per_step() const = 0;

  // pixels: [n, 3, height, width] -> features: [n, dimension], of unit length if `normalize`; both in this process's memory.
  virtual void encode_pixels(const float* pixels, std::size_t n, bool normalize, float* features) = 0;
  virtual void encode_tokens(const TokenBatch& tokens, bool normalize, float* features) = 0;

  // Whether pictures are best handed over as they were decoded, for the device to resize.
  virtual bool takes_pictures() const { return false; }
  // Throws std::logic_error where they are not.
  virtual void encode_pictures(std::span<const DeviceImage> pictures, bool normalize, float* features);
};

// Loads the weights, which must have passed check_tensors(). On the CPU in fp32 with kernels of this machine, else with LibTorch's.
std::unique_ptr<TowerRunner> make_tower_runner(const OpenedModel& model, const ComputeDevice& device, ComputePrecision precision);

}  // namespace clipdex::encoder

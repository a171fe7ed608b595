// Crop, antialiased resize and normalisation of many pictures at once on a GPU. Private to encoder/.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>

namespace clipdex::encoder {

// One axis of one picture's resize, in device memory, as Taps (resize_passes.h). No weights: the axis stays as it is.
struct DeviceTaps {
  const std::int32_t* first = nullptr;    // [positions]
  const std::int32_t* count = nullptr;    // [positions]
  const std::int32_t* weights = nullptr;  // [positions, per_position]
  std::int32_t per_position = 0;
};

// One picture on its way: all pointers are to device memory.
struct DevicePicture {
  const std::uint8_t* pixels = nullptr;  // RGB, [rows, width, 3]: rows from first_row on of the decoded picture
  std::uint8_t* between = nullptr;       // [rows, window_width, 3], scratch; used where there are taps across
  std::int32_t width = 0, rows = 0, first_row = 0;
  std::int32_t window_width = 0, window_height = 0;  // what is seen of the resized picture
  std::int32_t left = 0, top = 0;                    // and where that stands in the model's picture
  DeviceTaps across, down;
};

enum class PixelType { kFloat, kHalf, kBfloat16 };

struct PreprocessLaunch {
  const DevicePicture* pictures = nullptr;  // device, [count]
  int count = 0;                            // at most 65,535
  int rows_max = 0, window_width_max = 0;   // over all pictures
  const float* tables = nullptr;            // device, [3, 256]: normalization_tables()
  int fill = 0;                             // sample value around the window
  int width = 0, height = 0;                // of the model's picture
  void* out = nullptr;                      // device, [count, 3, height, width] of `type`
  PixelType type = PixelType::kFloat;
};

// The samples are, bit for bit, those of preprocess_into(), rounded to `type`: the same whole numbers in the same order. Asynchronous, on
// the stream. Throws std::runtime_error if the launch fails.
void launch_preprocess(const PreprocessLaunch& launch, cudaStream_t stream);

}  // namespace clipdex::encoder

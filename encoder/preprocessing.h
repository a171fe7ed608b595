// Picture -> the pixel tensor that a model was trained on.
#pragma once

#include <array>
#include <filesystem>
#include <string>
#include <vector>

#include "encoder/image.h"
#include "encoder/image_decoder.h"
#include "encoder/resize.h"

namespace clipdex::encoder {

enum class ResizeMode {
  kShortest,  // the shorter side becomes the target, then a centre crop
  kLongest,   // the longer side becomes the target, then padding with `fill`
  kSquash,    // both sides become the target
};

// Which reference implementation's rounding to follow where they differ.
enum class PreprocessingConvention {
  kOpenAi,       // openai/CLIP and open_clip: resize in the picture's own mode, crop, then RGB; crop offset rounds half to even
  kHuggingFace,  // transformers' CLIPImageProcessor: RGB first, then resize and crop; crop offset floors
};

struct Preprocessing {
  int width = 224;  // of the tensor
  int height = 224;
  int resize_to = 224;  // target of the resize before the crop (kShortest, kLongest)
  ResizeMode resize_mode = ResizeMode::kShortest;
  Interpolation interpolation = Interpolation::kBicubic;
  PreprocessingConvention convention = PreprocessingConvention::kOpenAi;
  int fill = 0;
  std::array<float, 3> mean{0.48145466F, 0.4578275F, 0.40821073F};
  std::array<float, 3> std{0.26862954F, 0.26130258F, 0.27577711F};

  // Numbers of the tensor, [3, height, width].
  std::size_t values() const { return std::size_t{3} * static_cast<std::size_t>(height) * static_cast<std::size_t>(width); }
};

// Reads transformers' `preprocessor_config.json`, old and new spelling of the sizes. `image_size` is the model's input side, used for
// what the file leaves out. Throws std::runtime_error that names the file and the key.
Preprocessing read_huggingface_preprocessing(const std::filesystem::path& file, int image_size);

// Reads `preprocess_cfg` of an `open_clip_config.json`; `image_size` as above.
Preprocessing read_open_clip_preprocessing(const std::filesystem::path& file, int image_size);

// How much of a large picture decoding must keep for this: after it, each side is at least kReductionMargin times its size after the
// resize. The resize does the rest of the antialiasing, so that embeddings keep a cosine of 0.999 and more to those of the whole picture
// (benchmarks/image_bench measures it). The nearest neighbour does no antialiasing, and wants a sample of the whole picture: nothing is
// reduced for it.
inline constexpr int kReductionMargin = 2;
DecodeOptions reduced_decoding(const Preprocessing& preprocessing);

// One line that changes whenever the result of preprocessing may change; part of the model's fingerprint.
std::string describe(const Preprocessing& preprocessing);

// Where the model's picture comes from.
struct CropPlan {
  int width, height;  // of the whole picture after the resize
  Window window;      // of that, which is seen
  int left, top;      // where the window stands in the model's picture; `fill` is around it
};
CropPlan plan_crop(const Image& image, const Preprocessing& preprocessing);

// The uint8 RGB picture after resize and crop, size height x width (what the reference hands to its normalisation).
Image resize_and_crop(const Image& image, const Preprocessing& preprocessing);

// (value / 255 - mean) / std of each channel's 256 values.
std::array<std::array<float, 256>, 3> normalization_tables(const Preprocessing& preprocessing);

// float32 [3, height, width], planar, normalised: (value / 255 - mean) / std. Any thread may call it.
std::vector<float> preprocess(const Image& image, const Preprocessing& preprocessing);

// The same into caller's memory of 3 * height * width floats, for filling a batch without a copy.
void preprocess_into(const Image& image, const Preprocessing& preprocessing, float* pixels);

}  // namespace clipdex::encoder

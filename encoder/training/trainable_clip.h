// CLIP's two towers as functions that autograd can follow. Private to encoder/: LibTorch shows here.
#pragma once

#include <ATen/ATen.h>

#include <memory>
#include <string>
#include <vector>

#include "encoder/checkpoint.h"
#include "encoder/clip_model.h"

namespace clipdex::training {

// The parameters are those of the encoder's own modules, under their names; only the arithmetic is another: nothing is overwritten that a
// gradient needs. One thread at a time.
class TrainableClip {
 public:
  // Parameters in fp32 on the CPU, uninitialised: initialize() (initialization.h) or load() fills them.
  explicit TrainableClip(const encoder::ClipConfig& config);

  // Copies of the checkpoint's tensors, which must have passed check_tensors().
  void load(const encoder::Checkpoint& checkpoint);

  // A frozen tower has no gradients, and of a ResNet the running statistics stay as they are.
  void freeze(bool image, bool text);
  void to(at::Device device);

  // pixels: fp32 [n, 3, size, size] -> [n, embedding dimension], not normalised. `training`: batch normalisation with the batch's own
  // statistics; `update_statistics`: which also move the running ones.
  at::Tensor encode_image(const at::Tensor& pixels, bool training, bool update_statistics) const;
  // tokens: int64 [n, length]; pooled_at: int64 [n], where each row's end token stands -> [n, embedding dimension], not normalised.
  at::Tensor encode_text(const at::Tensor& tokens, const at::Tensor& pooled_at) const;

  const encoder::ClipConfig& config() const { return config_; }
  at::Tensor& logit_scale() { return model_->logit_scale; }
  bool image_frozen() const { return image_frozen_; }
  bool text_frozen() const { return text_frozen_; }

  struct Named {
    std::string name;  // as clip_tensors() has it
    at::Tensor tensor;
  };
  std::vector<Named> parameters() const;
  std::vector<Named> buffers() const;  // running statistics

 private:
  encoder::ClipConfig config_;
  std::shared_ptr<encoder::ClipModel> model_;
  bool image_frozen_ = false, text_frozen_ = false;
};

}  // namespace clipdex::training

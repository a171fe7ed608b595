// The towers as LibTorch runs them on one device. Private to encoder/: LibTorch shows here.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <memory>

#include "encoder/clip_model.h"
#include "encoder/tower_runner.h"

namespace clipdex::encoder {

class TorchRunner : public TowerRunner {
 public:
  TorchRunner(const OpenedModel& model, const ComputeDevice& device, ComputePrecision precision);

  std::size_t images_per_step() const override;
  std::size_t tokens_per_step() const override;
  void encode_pixels(const float* pixels, std::size_t n, bool normalize, float* features) override;
  void encode_tokens(const TokenBatch& tokens, bool normalize, float* features) override;

 protected:
  // On the device: pixels [n, 3, height, width], ids [n, length], pooled [n] -> fp32 [n, dimension], of unit length if `normalize`.
  at::Tensor image_features(const at::Tensor& pixels, bool normalize) const;
  at::Tensor text_features(const at::Tensor& ids, const at::Tensor& pooled, bool normalize) const;

  const Preprocessing& preprocessing() const { return preprocessing_; }
  at::Device device() const { return device_; }
  at::ScalarType type() const { return type_; }  // of matrix products
  std::size_t dimension() const { return dimension_; }

 private:
  Preprocessing preprocessing_;
  at::Device device_;
  at::ScalarType type_;
  std::size_t dimension_;
  std::shared_ptr<ClipModel> model_;
};

}  // namespace clipdex::encoder

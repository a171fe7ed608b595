// Arithmetic in half precision where it is safe (PyTorch's automatic mixed precision). Private to encoder/.
#pragma once

#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>

#include "encoder/training/training_options.h"

namespace clipdex::training {

// While it lives, this thread's matrix products compute in `precision`. fp32: nothing changes.
class PrecisionScope {
 public:
  PrecisionScope(Precision precision, at::DeviceType device) : on_(precision != Precision::kFp32), device_(device) {
    if (!on_) return;
    at::autocast::increment_nesting();
    at::autocast::set_autocast_dtype(device_, precision == Precision::kBf16 ? at::kBFloat16 : at::kHalf);
    at::autocast::set_autocast_enabled(device_, true);
  }
  ~PrecisionScope() {
    if (!on_) return;
    at::autocast::set_autocast_enabled(device_, false);
    if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
  }
  PrecisionScope(const PrecisionScope&) = delete;
  PrecisionScope& operator=(const PrecisionScope&) = delete;

 private:
  bool on_;
  at::DeviceType device_;
};

}  // namespace clipdex::training

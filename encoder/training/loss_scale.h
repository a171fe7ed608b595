// The factor that keeps fp16 gradients from vanishing (torch.amp.GradScaler, its defaults). Private to encoder/.
#pragma once

#include <cstdint>

namespace clipdex::training {

struct LossScale {
  static constexpr double kInitial = 65536, kGrowth = 2, kBackoff = 0.5;
  static constexpr std::uint64_t kGrowthSteps = 2000;

  double factor = 1;
  std::uint64_t good_steps = 0;

  // After a step that was made; or one that could not be, since a gradient was no finite number.
  void good() {
    if (++good_steps < kGrowthSteps) return;
    factor *= kGrowth;
    good_steps = 0;
  }
  void overflow() {
    factor *= kBackoff;
    good_steps = 0;
  }
};

}  // namespace clipdex::training

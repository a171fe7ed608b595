// The learning rate of each step (open_clip, scheduler.py: cosine_lr).
#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>

namespace clipdex::training {

// Rises evenly for `warmup` steps to `peak`, then falls along half a cosine to nothing at `steps`. `step` counts from 0.
inline double learning_rate(std::uint64_t step, std::uint64_t steps, std::uint64_t warmup, double peak) {
  if (step < warmup) return peak * static_cast<double>(step + 1) / static_cast<double>(warmup);
  const double done = static_cast<double>(step - warmup) / static_cast<double>(steps - warmup);
  return 0.5 * (1 + std::cos(std::numbers::pi * done)) * peak;
}

}  // namespace clipdex::training

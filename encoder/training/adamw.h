// AdamW (Loshchilov, Hutter, "Decoupled weight decay regularization") with CLIP's groups. Private to encoder/.
#pragma once

#include <cstdint>
#include <vector>

#include "encoder/training/trainable_clip.h"

namespace clipdex::training {

struct AdamWOptions {
  double beta1 = 0.9, beta2 = 0.98, epsilon = 1e-6, weight_decay = 0.2;
};

// Of the parameters that are trained. One thread at a time.
class AdamW {
 public:
  // Weights decay, but for gains, biases and the temperature: parameters of fewer than two dimensions, and those whose names say so (as
  // openai/CLIP's and open_clip's exclusions).
  AdamW(const TrainableClip& model, const AdamWOptions& options);

  void zero_gradients();
  // Divides all gradients by `scale` and then, if `norm_max` is not 0, makes their norm at most that. Returns the norm before, which is no
  // finite number if one of them is none.
  double clip_gradients(double norm_max, double scale = 1);
  void step(double learning_rate);

  // The moments under the parameters' names: "exp_avg." and "exp_avg_sq." before them; and how many steps were made.
  std::vector<TrainableClip::Named> state() const;
  std::uint64_t steps() const { return steps_; }
  void set_steps(std::uint64_t steps);

  static bool decays(const TrainableClip::Named& parameter);

 private:
  struct Group {
    double weight_decay;
    std::vector<std::string> names;
    std::vector<at::Tensor> parameters, first_moments, second_moments, steps;
  };
  std::vector<at::Tensor> gradients() const;

  AdamWOptions options_;
  std::vector<Group> groups_;
  std::uint64_t steps_ = 0;
};

}  // namespace clipdex::training

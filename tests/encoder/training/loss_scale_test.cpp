#include "encoder/training/loss_scale.h"

#include <catch2/catch_test_macros.hpp>

using clipdex::training::LossScale;

TEST_CASE("the loss scale halves with each overflow and doubles after two thousand good steps in a row") {
  LossScale scale{.factor = LossScale::kInitial};
  scale.overflow();
  CHECK(scale.factor == 32768);
  for (int i = 0; i < 1999; ++i) scale.good();
  scale.overflow();
  CHECK(scale.factor == 16384);
  for (int i = 0; i < 1999; ++i) scale.good();
  CHECK(scale.factor == 16384);
  scale.good();
  CHECK(scale.factor == 32768);
}

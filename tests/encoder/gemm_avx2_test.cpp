#include "encoder/gemm_avx2.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <random>
#include <vector>

namespace {

using clipdex::encoder::Epilogue;
using clipdex::encoder::GemmArguments;

constexpr float kCanary = 12345.0F;

std::vector<float> random_numbers(std::size_t count) {
  static std::mt19937 generator(7);
  std::uniform_real_distribution<float> any(-1, 1);
  std::vector<float> numbers(count);
  for (auto& number : numbers) number = any(generator);
  return numbers;
}

double after(Epilogue epilogue, double x, double y) {
  switch (epilogue) {
    case Epilogue::kNone:
      return x;
    case Epilogue::kQuickGelu:
      return x / (1 + std::exp(-1.702 * x));
    case Epilogue::kGelu:
      return x / 2 * (1 + std::erf(x / std::sqrt(2.0)));
    case Epilogue::kAdd:
      return x + y;
  }
  return 0;
}

struct Case {
  std::int64_t rows, in, out;
  bool apart, biased;  // rows of x are further apart than they are long; there is a bias
  Epilogue epilogue;
};

// The greatest difference from sums in double precision, as a share of what rounding may cost; and nothing written outside of y.
double worst_error(const Case& c) {
  const std::int64_t x_stride = c.apart ? c.in + 5 : c.in;
  const auto x = random_numbers(static_cast<std::size_t>((c.rows - 1) * x_stride + c.in));
  const auto weight = random_numbers(static_cast<std::size_t>(c.out * c.in));
  const auto bias = random_numbers(static_cast<std::size_t>(c.out));
  const std::size_t packed_floats = clipdex::encoder::packed_size_avx2(c.out, c.in);
  const std::unique_ptr<float, decltype(&std::free)> packed(
      static_cast<float*>(std::aligned_alloc(64, (packed_floats * sizeof(float) + 63) / 64 * 64)), &std::free);
  clipdex::encoder::pack_weights_avx2(weight.data(), c.out, c.in, packed.get());
  constexpr std::size_t kMargin = 64;
  std::vector<float> y(static_cast<std::size_t>(c.rows * c.out) + 2 * kMargin, kCanary);
  const auto before = random_numbers(static_cast<std::size_t>(c.rows * c.out));
  std::copy(before.begin(), before.end(), y.begin() + kMargin);
  clipdex::encoder::gemm_avx2({.x = x.data(),
                               .rows = c.rows,
                               .x_stride = x_stride,
                               .packed = packed.get(),
                               .bias = c.biased ? bias.data() : nullptr,
                               .out = c.out,
                               .in = c.in,
                               .epilogue = c.epilogue,
                               .y = y.data() + kMargin});
  CHECK(std::all_of(y.begin(), y.begin() + kMargin, [](float value) { return value == kCanary; }));
  CHECK(std::all_of(y.end() - kMargin, y.end(), [](float value) { return value == kCanary; }));
  double worst = 0;
  for (std::int64_t row = 0; row < c.rows; ++row) {
    for (std::int64_t column = 0; column < c.out; ++column) {
      double sum = c.biased ? static_cast<double>(bias[static_cast<std::size_t>(column)]) : 0;
      for (std::int64_t k = 0; k < c.in; ++k)
        sum += static_cast<double>(x[static_cast<std::size_t>(row * x_stride + k)]) *
               static_cast<double>(weight[static_cast<std::size_t>(column * c.in + k)]);
      const auto at = static_cast<std::size_t>(row * c.out + column);
      const double expected = after(c.epilogue, sum, static_cast<double>(before[at]));
      const double tolerance = 2e-6 * (1 + std::sqrt(static_cast<double>(c.in)));
      worst = std::max(worst, std::abs(static_cast<double>(y[kMargin + at]) - expected) / tolerance);
    }
  }
  return worst;
}

void require_avx2() {
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) SKIP("this machine has no AVX2");
}

}  // namespace

TEST_CASE("products on packed weights equal plain sums for every shape of tiles, panels, blocks and depths") {
  require_avx2();
  // Tiles are of 6 rows, panels of 16 columns, blocks of 240 rows, depths of 768; from 24 rows on x is copied.
  for (const std::int64_t rows : {1, 2, 5, 6, 7, 11, 12, 13, 23, 24, 25, 239, 240, 241, 481}) {
    for (const std::int64_t in : {1, 7, 767, 768, 769, 1537}) {
      for (const std::int64_t out : {1, 15, 16, 17, 33}) {
        INFO("rows " << rows << ", in " << in << ", out " << out);
        CHECK(worst_error({rows, in, out, /*apart=*/(rows + in + out) % 2 == 0, /*biased=*/true, Epilogue::kNone}) < 1);
      }
    }
  }
}

TEST_CASE("what follows a product is computed once, after its last depth") {
  require_avx2();
  for (const auto epilogue : {Epilogue::kNone, Epilogue::kQuickGelu, Epilogue::kGelu, Epilogue::kAdd}) {
    for (const std::int64_t rows : {1, 12, 77, 250}) {
      for (const std::int64_t in : {64, 1000}) {
        for (const bool biased : {true, false}) {
          INFO("epilogue " << static_cast<int>(epilogue) << ", rows " << rows << ", in " << in << (biased ? ", bias" : ""));
          CHECK(worst_error({rows, in, 40, /*apart=*/true, biased, epilogue}) < 1);
        }
      }
    }
  }
}

TEST_CASE("a row's result does not depend on the rows beside it") {
  require_avx2();
  constexpr std::int64_t kIn = 800, kOut = 48, kRows = 500;
  const auto x = random_numbers(kRows * kIn);
  const auto weight = random_numbers(kOut * kIn);
  const std::unique_ptr<float, decltype(&std::free)> packed(
      static_cast<float*>(std::aligned_alloc(64, clipdex::encoder::packed_size_avx2(kOut, kIn) * sizeof(float))), &std::free);
  clipdex::encoder::pack_weights_avx2(weight.data(), kOut, kIn, packed.get());
  const auto multiply = [&](std::int64_t first, std::int64_t rows) {
    std::vector<float> y(static_cast<std::size_t>(rows * kOut));
    clipdex::encoder::gemm_avx2(
        {.x = x.data() + first * kIn, .rows = rows, .x_stride = kIn, .packed = packed.get(), .out = kOut, .in = kIn, .y = y.data()});
    return y;
  };
  const auto all = multiply(0, kRows);
  for (const std::int64_t row : {0, 5, 239, 240, 499})
    CHECK(multiply(row, 1) == std::vector<float>(all.begin() + row * kOut, all.begin() + (row + 1) * kOut));
}

#include "index/inner_product.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

namespace {

using clipdex::index::InnerProductFunction;
using clipdex::index::InstructionSet;

// Those that this machine has.
std::vector<InnerProductFunction> functions() {
  std::vector<InnerProductFunction> all;
  for (const auto instructions : {InstructionSet::kGeneric, InstructionSet::kAvx2, InstructionSet::kAvx512}) {
    if (const auto function = clipdex::index::inner_product_function(instructions)) all.push_back(function);
  }
  return all;
}

std::vector<float> random_floats(std::size_t n, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> x(n);
  for (auto& v : x) v = normal(random);
  return x;
}

// Whether a score is the inner product up to what float32 sums may lose.
bool is_inner_product(float score, const float* a, const float* b, std::size_t dimension) {
  double sum = 0, magnitude = 0;
  for (std::size_t i = 0; i < dimension; ++i) {
    sum += double{a[i]} * double{b[i]};
    magnitude += std::abs(double{a[i]} * double{b[i]});
  }
  return std::abs(score - sum) <= magnitude * double{std::numeric_limits<float>::epsilon()} * std::sqrt(static_cast<double>(dimension) + 4);
}

}  // namespace

TEST_CASE("every kernel computes inner products of every dimension at every alignment") {
  constexpr std::size_t kDimensions = 1030, kRows = 9, kQueries = 7;
  const auto memory = random_floats((kRows + kQueries + 1) * (kDimensions + 16), 1);
  for (const auto function : functions()) {
    std::size_t wrong = 0;
    for (std::size_t dimension = 1; dimension <= kDimensions; dimension += dimension < 70 ? 1 : 13) {
      const std::size_t shift = dimension % 16;
      const float* queries = memory.data() + shift;
      std::vector<const float*> rows;
      for (std::size_t r = 0; r < kRows; ++r) rows.push_back(memory.data() + (kQueries + r) * (kDimensions + 16) + (shift * 7 + r) % 16);
      for (const std::size_t n_queries : {1, 2, 3, 7}) {
        for (std::size_t n_rows = 0; n_rows <= kRows; ++n_rows) {
          constexpr std::size_t kStride = kRows + 2;
          std::vector<float> scores(kQueries * kStride, -77);
          function({.queries = queries,
                    .n_queries = n_queries,
                    .rows = rows.data(),
                    .n_rows = n_rows,
                    .dimension = dimension,
                    .scores = scores.data(),
                    .stride = kStride});
          for (std::size_t q = 0; q < kQueries; ++q) {
            for (std::size_t r = 0; r < kStride; ++r) {
              const float score = scores[q * kStride + r];
              const bool computed = q < n_queries && r < n_rows;
              wrong += computed ? !is_inner_product(score, queries + q * dimension, rows[r], dimension) : score != -77;
            }
          }
        }
      }
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("a score does not depend on what else is computed with it") {
  constexpr std::size_t kDimension = 517, kRows = 11, kQueries = 8;
  const auto queries = random_floats(kQueries * kDimension, 2);
  const auto vectors = random_floats(kRows * kDimension, 3);
  for (const auto function : functions()) {
    std::vector<const float*> rows;
    for (std::size_t r = 0; r < kRows; ++r) rows.push_back(vectors.data() + r * kDimension);
    std::vector<float> scores(kQueries * kRows);
    function({.queries = queries.data(),
              .n_queries = kQueries,
              .rows = rows.data(),
              .n_rows = kRows,
              .dimension = kDimension,
              .scores = scores.data(),
              .stride = kRows});
    for (std::size_t q = 0; q < kQueries; ++q) {
      for (std::size_t r = 0; r < kRows; ++r)
        CHECK(scores[q * kRows + r] == clipdex::index::inner_product(function, queries.data() + q * kDimension, rows[r], kDimension));
    }
  }
}

TEST_CASE("no kernel reads behind a vector") {
  // What is not a number would show in the sums.
  for (const auto function : functions()) {
    for (std::size_t dimension = 1; dimension <= 40; ++dimension) {
      auto a = random_floats(dimension, 4), b = random_floats(dimension, 5);
      a.insert(a.end(), 16, std::numeric_limits<float>::quiet_NaN());
      b.insert(b.end(), 16, std::numeric_limits<float>::quiet_NaN());
      CHECK(is_inner_product(clipdex::index::inner_product(function, a.data(), b.data(), dimension), a.data(), b.data(), dimension));
    }
  }
}

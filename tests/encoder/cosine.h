// How near embeddings are to each other.
#pragma once

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <span>

#include "encoder/clip_encoder.h"

namespace clipdex::tests {

inline double cosine(std::span<const float> a, std::span<const float> b) {
  double dot = 0, aa = 0, bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    dot += static_cast<double>(a[i]) * b[i];
    aa += static_cast<double>(a[i]) * a[i];
    bb += static_cast<double>(b[i]) * b[i];
  }
  return dot / std::sqrt(aa * bb);
}

// Of each row of the one to the same row of the other. Not a number if anything among them is not.
inline double least_cosine(const encoder::Embeddings& a, const encoder::Embeddings& b) {
  REQUIRE(a.count == b.count);
  REQUIRE(a.dimension == b.dimension);
  double least = 1;
  for (std::size_t i = 0; i < a.count; ++i) {
    const double next = cosine(a.row(i), b.row(i));
    least = std::isnan(next) ? next : std::min(next, least);
  }
  return least;
}

}  // namespace clipdex::tests

#include "index/spherical_clustering.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "index/inner_product.h"

namespace clipdex::index {
namespace {

constexpr std::size_t kRowsPerBlock = 64;
constexpr std::size_t kCentroidsPerBlock = 48;

// The mean of each centroid's rows, as a unit vector. One without rows becomes a copy of a row of its own.
void move_centroids(const std::vector<const float*>& rows, const std::vector<std::uint32_t>& nearest, std::size_t dimension,
                    std::vector<float>& centroids) {
  const std::size_t n_centroids = centroids.size() / dimension;
  std::vector<std::size_t> counts(n_centroids);
  std::fill(centroids.begin(), centroids.end(), 0.0F);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    float* sum = centroids.data() + nearest[i] * dimension;
    for (std::size_t k = 0; k < dimension; ++k) sum[k] += rows[i][k];
    ++counts[nearest[i]];
  }
  for (std::size_t c = 0; c < n_centroids; ++c) {
    float* centroid = centroids.data() + c * dimension;
    double square = 0;
    for (std::size_t k = 0; k < dimension; ++k) square += double{centroid[k]} * double{centroid[k]};
    if (counts[c] == 0 || square == 0) {
      std::copy_n(rows[(c * 2654435761U) % rows.size()], dimension, centroid);
      continue;
    }
    const auto scale = static_cast<float>(1 / std::sqrt(square));
    for (std::size_t k = 0; k < dimension; ++k) centroid[k] *= scale;
  }
}

}  // namespace

std::vector<std::uint32_t> nearest_centroids(const std::vector<const float*>& rows, const std::vector<float>& centroids,
                                             std::size_t dimension) {
  const std::size_t n_centroids = centroids.size() / dimension;
  const auto function = inner_product_function();
  std::vector<std::uint32_t> nearest(rows.size());
#pragma omp parallel for schedule(dynamic, 4)
  for (std::size_t first = 0; first < rows.size(); first += kRowsPerBlock) {
    const std::size_t count = std::min(kRowsPerBlock, rows.size() - first);
    float best[kRowsPerBlock];
    float scores[kCentroidsPerBlock * kRowsPerBlock];
    std::fill_n(best, count, -std::numeric_limits<float>::infinity());
    for (std::size_t c = 0; c < n_centroids; c += kCentroidsPerBlock) {
      const std::size_t block = std::min(kCentroidsPerBlock, n_centroids - c);
      function({.queries = centroids.data() + c * dimension,
                .n_queries = block,
                .rows = rows.data() + first,
                .n_rows = count,
                .dimension = dimension,
                .scores = scores,
                .stride = count});
      for (std::size_t i = 0; i < block; ++i) {
        for (std::size_t r = 0; r < count; ++r) {
          if (!(scores[i * count + r] > best[r])) continue;
          best[r] = scores[i * count + r];
          nearest[first + r] = static_cast<std::uint32_t>(c + i);
        }
      }
    }
  }
  return nearest;
}

std::vector<float> spherical_clustering(const std::vector<const float*>& rows, std::size_t dimension, std::size_t n_centroids,
                                        std::size_t iterations, const std::stop_token& stop) {
  std::vector<float> centroids(n_centroids * dimension);
  // The rows are in no order that means anything: the first are as good as any.
  for (std::size_t c = 0; c < n_centroids; ++c) std::copy_n(rows[c], dimension, centroids.data() + c * dimension);
  // In parts, so that stopping takes seconds at most.
  constexpr std::size_t kRowsPerStep = 8192;
  for (std::size_t i = 0; i < iterations; ++i) {
    std::vector<std::uint32_t> nearest;
    for (std::size_t first = 0; first < rows.size(); first += kRowsPerStep) {
      if (stop.stop_requested()) return {};
      const auto begin = rows.begin() + static_cast<std::ptrdiff_t>(first);
      const std::vector<const float*> part(begin, begin + static_cast<std::ptrdiff_t>(std::min(kRowsPerStep, rows.size() - first)));
      const auto found = nearest_centroids(part, centroids, dimension);
      nearest.insert(nearest.end(), found.begin(), found.end());
    }
    move_centroids(rows, nearest, dimension, centroids);
  }
  return centroids;
}

}  // namespace clipdex::index

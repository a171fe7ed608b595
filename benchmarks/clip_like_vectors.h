// Vectors that are spread as CLIP's are, for benchmarks of searching: made in seconds, and the same for the same seed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <random>
#include <vector>

namespace clipdex::benchmarks {

struct AlignedFloats {
  explicit AlignedFloats(std::size_t n) : size(n), data(static_cast<float*>(std::aligned_alloc(64, (n * sizeof(float) + 63) / 64 * 64))) {
    if (!data) throw std::bad_alloc();
  }
  struct Free {
    void operator()(float* p) const { std::free(p); }
  };
  std::size_t size;
  std::unique_ptr<float[], Free> data;
};

// Unit vectors of 512 numbers: a common mean (CLIP's images lie in a narrow cone), plus one of `clusters` centres and a deviation from it,
// both of 64 latent dimensions whose spread falls as i^-0.5, plus noise in all dimensions (an eighth of the square of the length).
// Queries are new draws from the same clusters; every second one is "text-like": with a shift that is common to these, away from the rows,
// and more noise, as CLIP's texts lie apart from its images.
class ClipLikeVectors {
 public:
  static constexpr std::size_t kDimension = 512;

  explicit ClipLikeVectors(std::size_t clusters, std::uint64_t seed = 1);
  void rows(std::size_t n, float* out) const { generate(n, out, /*queries=*/false); }
  void queries(std::size_t n, float* out) const { generate(n, out, /*queries=*/true); }

 private:
  static constexpr std::size_t kLatent = 64;
  void generate(std::size_t n, float* out, bool queries) const;

  std::uint64_t seed_;
  std::vector<float> normals_;  // a table to draw from
  std::vector<float> basis_;    // [kLatent, kDimension]
  std::vector<float> centres_;  // [clusters, kLatent]
  std::vector<float> mean_, shift_;
};

}  // namespace clipdex::benchmarks

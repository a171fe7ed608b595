#include "benchmarks/clip_like_vectors.h"

#include <cmath>

namespace clipdex::benchmarks {
namespace {

// splitmix64: one state a vector, so that threads make the same vectors as one would.
struct Random {
  std::uint64_t state;
  std::uint64_t next() {
    std::uint64_t z = state += 0x9E3779B97F4A7C15ULL;
    z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27U)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31U);
  }
};

constexpr std::size_t kNormals = 65'536;

}  // namespace

ClipLikeVectors::ClipLikeVectors(std::size_t clusters, std::uint64_t seed) : seed_(seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal;
  const auto fill = [&](std::vector<float>& x, std::size_t n, float scale) {
    x.resize(n);
    for (auto& v : x) v = scale * normal(random);
  };
  const float unit = 1 / std::sqrt(static_cast<float>(kDimension));
  fill(normals_, kNormals, 1);
  fill(basis_, kLatent * kDimension, unit);
  fill(centres_, clusters * kLatent, 1);
  fill(mean_, kDimension, unit);
  fill(shift_, kDimension, unit);
  double sum = 0;
  for (std::size_t i = 0; i < kLatent; ++i) sum += 1.0 / static_cast<double>(i + 1);
  // The spread goes into the basis; a latent vector of unit spread then has length 1 on average.
  for (std::size_t i = 0; i < kLatent; ++i) {
    for (std::size_t k = 0; k < kDimension; ++k)
      basis_[i * kDimension + k] /= std::sqrt(static_cast<float>(static_cast<double>(i + 1) * sum));
  }
}

void ClipLikeVectors::generate(std::size_t n, float* out, bool queries) const {
  const std::size_t clusters = centres_.size() / kLatent;
#pragma omp parallel for schedule(static, 1024)
  for (std::size_t i = 0; i < n; ++i) {
    Random random{seed_ * 1'000'003 + (queries ? std::uint64_t{1} << 40U : 0) + i * 2654435761U};
    random.next();
    const float* centre = centres_.data() + random.next() % clusters * kLatent;
    const bool text = queries && i % 2 == 1;
    const float noise = (text ? 0.5F : 0.42F) / std::sqrt(static_cast<float>(kDimension));
    float* x = out + i * kDimension;
    for (std::size_t k = 0; k < kDimension; k += 4) {
      std::uint64_t bits = random.next();
      for (std::size_t j = 0; j < 4; ++j, bits >>= 16U)
        x[k + j] = mean_[k + j] + noise * normals_[bits % kNormals] + (text ? shift_[k + j] : 0);
    }
    for (std::size_t l = 0; l < kLatent; ++l) {
      const float latent = 0.8F * centre[l] + 0.6F * normals_[random.next() % kNormals];
      const float* direction = basis_.data() + l * kDimension;
      for (std::size_t k = 0; k < kDimension; ++k) x[k] += latent * direction[k];
    }
    double sum = 0;
    for (std::size_t k = 0; k < kDimension; ++k) sum += double{x[k]} * double{x[k]};
    const auto scale = static_cast<float>(1 / std::sqrt(sum));
    for (std::size_t k = 0; k < kDimension; ++k) x[k] *= scale;
  }
}

}  // namespace clipdex::benchmarks

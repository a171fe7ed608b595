// The building of IvfPq. The product quantiser is trained, and vectors are encoded, by FAISS.
#include <faiss/impl/ProductQuantizer.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <stdexcept>

#include "index/ivf_pq.h"
#include "index/openmp_threads.h"
#include "index/spherical_clustering.h"

namespace clipdex::index {
namespace {

// FAISS trains codes with as many vectors as a code has values, or more.
constexpr std::size_t kLeastTrained = 256;
constexpr std::size_t kMostLists = 16'384;
constexpr std::size_t kSampledPerList = 32;
constexpr std::size_t kIterations = 8;
constexpr std::size_t kSampledForCodes = 32'768;
constexpr int kCodeIterations = 12;
// Numbers of a vector that share a code: 8, or the most that divide the dimension.
constexpr std::size_t kPart = 8;
constexpr std::size_t kRowsPerStep = 8192;

std::size_t lists_for(std::size_t n, const ScanThresholds& thresholds) {
  if (n < std::max(thresholds.ivf_rows_min, kLeastTrained)) return 0;
  return std::min(kMostLists, static_cast<std::size_t>(4 * std::sqrt(static_cast<double>(n))));
}

std::size_t parts_for(std::size_t dimension) {
  std::size_t part = kPart;
  while (dimension % part != 0) --part;
  return dimension / part;
}

// `count` of n positions at random; the same ones every time.
std::vector<std::uint32_t> sample(std::size_t n, std::size_t count) {
  std::vector<std::uint32_t> positions(n);
  for (std::size_t i = 0; i < n; ++i) positions[i] = static_cast<std::uint32_t>(i);
  std::mt19937_64 random(20'240'607);
  for (std::size_t i = 0; i < count; ++i) std::swap(positions[i], positions[i + random() % (n - i)]);
  positions.resize(count);
  return positions;
}

// rows[i] less its centroid.
std::vector<float> residuals(const std::vector<const float*>& rows, const std::vector<std::uint32_t>& nearest,
                             const std::vector<float>& centroids, std::size_t dimension) {
  std::vector<float> difference(rows.size() * dimension);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const float* centroid = centroids.data() + nearest[i] * dimension;
    for (std::size_t k = 0; k < dimension; ++k) difference[i * dimension + k] = rows[i][k] - centroid[k];
  }
  return difference;
}

}  // namespace

IvfPq::IvfPq(std::size_t n, std::size_t dimension) : n_(n), dimension_(dimension), parts_(parts_for(dimension)) {}

std::size_t IvfPq::expected_memory_bytes(std::size_t n, std::size_t dimension, const ScanThresholds& thresholds) {
  const std::size_t lists = lists_for(n, thresholds);
  if (lists == 0) return 0;
  return n * (parts_for(dimension) + sizeof(std::uint32_t)) + (lists + kCodes) * dimension * sizeof(float) +
         (lists + 1) * sizeof(std::uint32_t);
}

std::unique_ptr<const IvfPq> IvfPq::build(const BuildInput& input) {
  if (input.n == 0 || input.dimension == 0 || input.n > std::size_t{1} << 31U)
    throw std::invalid_argument("an inverted file is of 1 to 2^31 vectors");
  std::unique_ptr<IvfPq> built(new IvfPq(input.n, input.dimension));
  const OpenMpThreads threads(input.threads);
  if (lists_for(input.n, input.thresholds) > 0 && (!built->train(input) || !built->add(input))) return nullptr;
  return built;
}

bool IvfPq::train(const BuildInput& input) {
  const std::size_t lists = lists_for(n_, input.thresholds);
  std::vector<const float*> rows;
  for (const auto position : sample(n_, std::min(n_, lists * kSampledPerList))) rows.push_back(input.vectors + position * dimension_);
  centroids_ = spherical_clustering(rows, dimension_, lists, kIterations, input.stop);
  if (centroids_.empty()) return false;

  rows.resize(std::min(rows.size(), kSampledForCodes));
  const auto difference = residuals(rows, nearest_centroids(rows, centroids_, dimension_), centroids_, dimension_);
  faiss::ProductQuantizer quantizer(dimension_, parts_, 8);
  quantizer.cp.niter = kCodeIterations;
  quantizer.cp.min_points_per_centroid = 1;
  quantizer.train(rows.size(), difference.data());
  // FAISS: [parts, codes, part].
  code_centroids_.resize(dimension_ * kCodes);
  for (std::size_t i = 0; i < dimension_; ++i) {
    for (std::size_t code = 0; code < kCodes; ++code)
      code_centroids_[i * kCodes + code] = quantizer.get_centroids(i / part(), code)[i % part()];
  }
  return !input.stop.stop_requested();
}

bool IvfPq::add(const BuildInput& input) {
  faiss::ProductQuantizer quantizer(dimension_, parts_, 8);
  for (std::size_t i = 0; i < dimension_; ++i) {
    for (std::size_t code = 0; code < kCodes; ++code)
      quantizer.get_centroids(i / part(), code)[i % part()] = code_centroids_[i * kCodes + code];
  }
  std::vector<std::uint32_t> list_of(n_);
  std::vector<std::uint8_t> codes(n_ * parts_);
  for (std::size_t first = 0; first < n_; first += kRowsPerStep) {
    if (input.stop.stop_requested()) return false;
    std::vector<const float*> rows(std::min(kRowsPerStep, n_ - first));
    for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = input.vectors + (first + i) * dimension_;
    const auto nearest = nearest_centroids(rows, centroids_, dimension_);
    std::copy(nearest.begin(), nearest.end(), list_of.begin() + static_cast<std::ptrdiff_t>(first));
    const auto difference = residuals(rows, nearest, centroids_, dimension_);
    quantizer.compute_codes(difference.data(), codes.data() + first * parts_, rows.size());
  }

  list_starts_.assign(centroids_.size() / dimension_ + 1, 0);
  for (const auto list : list_of) ++list_starts_[list + 1];
  for (std::size_t i = 1; i < list_starts_.size(); ++i) list_starts_[i] += list_starts_[i - 1];
  auto next = list_starts_;
  positions_.resize(n_);
  codes_.resize(n_ * parts_);
  for (std::size_t i = 0; i < n_; ++i) {
    const std::size_t at = next[list_of[i]]++;
    positions_[at] = static_cast<std::uint32_t>(i);
    std::copy_n(codes.data() + i * parts_, parts_, codes_.data() + at * parts_);
  }
  return true;
}

}  // namespace clipdex::index

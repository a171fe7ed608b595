// Searches through a device's copies of segments. The device here computes as a GPU with fp16 does, on the CPU.
#include <algorithm>
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <random>
#include <stdexcept>
#include <stop_token>
#include <vector>

#include "index/vector_index.h"

namespace {

using namespace clipdex::index;

constexpr std::size_t kDimension = 32;
constexpr std::size_t kRows = 25'000;

float rounded(float value) {
  __extension__ using Half = _Float16;
  return static_cast<float>(static_cast<Half>(value));
}

// What it was asked.
struct DeviceLog {
  std::atomic<std::size_t> bytes = 0, bytes_max = std::size_t{1} << 30, searches = 0, copies = 0;
  std::atomic<bool> broken = false, busy = false;
};

class RoundingVectors : public DeviceVectors {
 public:
  RoundingVectors(DeviceLog& log, std::size_t n, std::size_t dimension, const std::function<const float*(std::size_t)>& vector)
      : log_(log), n_(n), dimension_(dimension) {
    for (std::size_t i = 0; i < n; ++i) std::transform(vector(i), vector(i) + dimension, std::back_inserter(vectors_), rounded);
    log_.bytes += bytes();
    ++log_.copies;
  }
  ~RoundingVectors() override { log_.bytes -= bytes(); }

  std::size_t bytes() const override { return n_ * dimension_ * 2; }
  bool usable() const override { return !log_.broken; }
  float score_error() const override { return 1.1e-3F; }
  std::size_t k_max() const override { return 2048; }
  void search(std::span<const float> queries, std::size_t n, std::size_t k, float* scores, std::int64_t* positions) const override {
    if (log_.busy) throw std::runtime_error("the device has no scratch memory now");
    ++log_.searches;
    for (std::size_t q = 0; q < n; ++q) {
      std::vector<std::pair<float, std::int64_t>> all(n_);
      for (std::size_t i = 0; i < n_; ++i) {
        float sum = 0;
        for (std::size_t d = 0; d < dimension_; ++d) sum += rounded(queries[q * dimension_ + d]) * vectors_[i * dimension_ + d];
        all[i] = {-sum, static_cast<std::int64_t>(i)};
      }
      std::partial_sort(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(std::min(k, n_)), all.end());
      for (std::size_t i = 0; i < k; ++i) {
        scores[q * k + i] = i < n_ ? -all[i].first : 0;
        positions[q * k + i] = i < n_ ? all[i].second : -1;
      }
    }
  }

 private:
  DeviceLog& log_;
  std::size_t n_, dimension_;
  std::vector<float> vectors_;
};

class RoundingDevice : public Accelerator {
 public:
  explicit RoundingDevice(DeviceLog& log) : log_(log) {}
  bool usable() const override { return !log_.broken; }
  std::size_t bytes_free() const override { return log_.bytes_max - std::min<std::size_t>(log_.bytes_max, log_.bytes); }
  std::size_t bytes_for(std::size_t n, std::size_t dimension) const override { return n * dimension * 2; }
  std::shared_ptr<const DeviceVectors> hold(std::size_t n, std::size_t dimension, const std::function<const float*(std::size_t)>& vector,
                                            const std::stop_token& /*stop*/) override {
    if (bytes_for(n, dimension) > bytes_free()) return nullptr;
    return std::make_shared<const RoundingVectors>(log_, n, dimension, vector);
  }

 private:
  DeviceLog& log_;
};

// Unit vectors in clusters so dense that fp16 cannot tell their members apart.
std::vector<float> dense_vectors(std::size_t n, unsigned seed) {
  constexpr std::size_t kClusters = 50;
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> centers(kClusters * kDimension), vectors(n * kDimension);
  for (auto& value : centers) value = normal(random);
  for (std::size_t i = 0; i < n; ++i) {
    double sum = 0;
    auto* vector = vectors.data() + i * kDimension;
    const float spread = i % 2 == 0 ? 1e-4F : 0.5F;
    for (std::size_t d = 0; d < kDimension; ++d) {
      vector[d] = centers[i % kClusters * kDimension + d] + spread * normal(random);
      sum += static_cast<double>(vector[d]) * vector[d];
    }
    for (std::size_t d = 0; d < kDimension; ++d) vector[d] = static_cast<float>(vector[d] / std::sqrt(sum));
  }
  return vectors;
}

// The same rows with and without a device.
struct Both {
  explicit Both(IndexType type = IndexType::kFlat) : with(options(type, device)), without(options(IndexType::kFlat, nullptr)) {
    std::vector<std::uint64_t> rows(kRows);
    for (std::size_t i = 0; i < kRows; ++i) rows[i] = 10 + i;
    for (auto* index : {&with, &without}) {
      index->apply(rows, vectors, {});
      index->seal();
    }
    upkeep();
  }

  static IndexOptions options(IndexType type, std::shared_ptr<Accelerator> accelerator) {
    IndexOptions options;
    options.dimension = kDimension;
    options.type = type;
    options.seal_rows = kRows;
    options.accelerator = std::move(accelerator);
    return options;
  }

  void upkeep() {
    for (auto* index : {&with, &without}) {
      while (index->maintain()) {
      }
    }
  }

  void remove(std::uint64_t first, std::uint64_t last) {
    std::vector<std::uint64_t> removed;
    for (auto row = first; row < last; ++row) removed.push_back(row);
    for (auto* index : {&with, &without}) index->apply({}, {}, removed);
  }

  // How many of 40 queries' hits differ.
  std::size_t differences(std::size_t limit) const {
    constexpr std::size_t kQueries = 40;
    const std::span queries(vectors.data(), kQueries * kDimension);
    SearchOptions search;
    search.limit = limit;
    const auto a = with.snapshot()->search(queries, kQueries, search), b = without.snapshot()->search(queries, kQueries, search);
    std::size_t different = 0;
    for (std::size_t i = 0; i < kQueries; ++i) {
      different += std::equal(a[i].begin(), a[i].end(), b[i].begin(), b[i].end(),
                              [](const Hit& x, const Hit& y) { return x.row == y.row && x.score == y.score; })
                       ? 0
                       : 1;
    }
    return different;
  }

  std::size_t device_bytes() const { return with.snapshot()->statistics().device_bytes; }

  DeviceLog log;
  std::shared_ptr<Accelerator> device = std::make_shared<RoundingDevice>(log);
  std::vector<float> vectors = dense_vectors(kRows, 5);
  VectorIndex with, without;
};

}  // namespace

TEST_CASE("a device's copies give the exact scan's hits, however badly the device rounds") {
  Both both;
  CHECK(both.device_bytes() == kRows * kDimension * 2);
  for (const std::size_t limit : {1, 10, 300, 3000}) {
    INFO("limit " << limit);
    CHECK(both.differences(limit) == 0);
  }
  CHECK(both.log.searches > 0);
}

TEST_CASE("rows that were deleted since a copy was made are no hits, and many of them make it anew") {
  Both both;
  both.remove(10, 200);
  CHECK(both.differences(10) == 0);
  both.upkeep();
  CHECK(both.log.copies == 1);
  both.remove(200, 2000);
  CHECK(both.differences(10) == 0);
  both.upkeep();
  CHECK(both.log.copies == 2);
  CHECK(both.device_bytes() == (kRows - 1990) * kDimension * 2);
  const auto searches = both.log.searches.load();
  CHECK(both.differences(10) == 0);
  CHECK(both.log.searches > searches);
  both.remove(2000, 2100);
  CHECK(both.differences(100) == 0);
}

TEST_CASE("a device that fails costs no answer, and one without room is not used") {
  Both both;
  both.log.busy = true;
  CHECK(both.differences(10) == 0);
  both.log.broken = true;
  CHECK(both.differences(10) == 0);
  both.remove(10, 20);
  both.upkeep();
  CHECK(both.device_bytes() == 0);
  Both narrow;
  narrow.remove(10, 2000);
  narrow.log.bytes_max = 1000;
  narrow.upkeep();
  CHECK(narrow.device_bytes() == 0);
  CHECK(narrow.differences(10) == 0);
}

TEST_CASE("a graph answers what a device cannot, and the device what it can") {
  Both both(IndexType::kHnsw);
  REQUIRE(both.with.snapshot()->statistics().segment_details.at(0).type == IndexType::kHnsw);
  REQUIRE(both.device_bytes() > 0);
  const auto answered = [&] { return both.with.snapshot()->statistics().segment_details.at(0).approximated; };
  CHECK(both.differences(10) <= 40);  // without proof most of the best are enough
  CHECK(both.log.searches > 0);
  CHECK(answered() == 0);
  both.log.broken = true;
  both.differences(10);
  CHECK(answered() > 0);
}

TEST_CASE("auto leaves rows flat that a device has room for, and builds a graph of more") {
  for (const bool room : {true, false}) {
    DeviceLog log;
    if (!room) log.bytes_max = kRows * kDimension;  // half of what they take
    VectorIndex index(Both::options(IndexType::kAuto, std::make_shared<RoundingDevice>(log)));
    std::vector<std::uint64_t> rows(kRows);
    for (std::size_t i = 0; i < kRows; ++i) rows[i] = i;
    index.apply(rows, dense_vectors(kRows, 7), {});
    index.seal();
    while (index.maintain()) {
    }
    const auto statistics = index.snapshot()->statistics();
    REQUIRE(statistics.segment_details.size() == 1);
    CHECK(statistics.segment_details[0].type == (room ? IndexType::kFlat : IndexType::kHnsw));
    CHECK((statistics.explanation.find("GPU") != std::string::npos) == room);
    CHECK((statistics.device_bytes > 0) == room);
  }
}

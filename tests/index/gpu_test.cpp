// Searches through a real GPU's copies of segments: only where CLIPDEX_TEST_DEVICE is "cuda" or "cuda:N" (docs/gpu.md).
#include <algorithm>
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "index/vector_index.h"
#include "tests/index/clustered_vectors.h"
#include "tests/index/counted_device.h"
#include "tests/index/index_pair.h"
#include "tests/test_device.h"

using namespace clipdex::index;
using namespace clipdex::tests;

namespace {

// The GPU, and what it did.
struct TestedGpu {
  std::shared_ptr<Accelerator> device;
  std::shared_ptr<DeviceCounts> counts = std::make_shared<DeviceCounts>();
  std::shared_ptr<std::atomic<bool>> failed = std::make_shared<std::atomic<bool>>(false);

  std::size_t searches() const { return counts->searches; }
};

// Skips the test where no GPU is to be tested. One that is asked for and cannot be used is an error.
TestedGpu tested_gpu(AcceleratorOptions options = {}) {
  const auto name = tested_device();
  if (const auto colon = name.find(':'); colon != std::string::npos) options.device = std::stoi(name.substr(colon + 1));
  TestedGpu gpu;
  options.on_failure = [failed = gpu.failed](const std::string&) { *failed = true; };
  auto device = make_accelerator(options);
  if (!device) FAIL("this was built without CUDA");
  gpu.device = std::make_shared<CountedDevice>(std::move(device), gpu.counts);
  return gpu;
}

}  // namespace

TEST_CASE("a GPU's copies give the exact scan's hits, in fp16 and in fp32", "[gpu]") {
  for (const bool half : {true, false}) {
    INFO("half " << half);
    const auto gpu = tested_gpu({.half = half});
    IndexPair both(gpu.device);
    CHECK(both.device_bytes() == kPairRows * kPairDimension * (half ? 2 : 4));
    for (const std::size_t limit : {1, 10, 300, 3000}) {
      INFO("limit " << limit);
      CHECK(both.differences(limit) == 0);
      CHECK(both.differences(limit, /*exact=*/true) == 0);
    }
    CHECK(gpu.searches() > 0);
    CHECK_FALSE(*gpu.failed);
  }
}

TEST_CASE("rows that were deleted since a GPU's copy was made are no hits, and many of them make it anew", "[gpu]") {
  const auto gpu = tested_gpu();
  IndexPair both(gpu.device);
  both.remove(10, 200);
  CHECK(both.differences(10) == 0);
  both.upkeep();
  CHECK(both.device_bytes() == kPairRows * kPairDimension * 2);
  both.remove(200, 2000);
  CHECK(both.differences(10) == 0);
  both.upkeep();
  CHECK(both.device_bytes() == (kPairRows - 1990) * kPairDimension * 2);
  const auto searches = gpu.searches();
  CHECK(both.differences(10) == 0);
  CHECK(gpu.searches() > searches);
  both.remove(2000, 2100);
  CHECK(both.differences(100) == 0);
  CHECK_FALSE(*gpu.failed);
}

TEST_CASE("a GPU without room for a copy is not used, and has room again when one has gone", "[gpu]") {
  const auto gpu = tested_gpu({.bytes_max = kPairRows * kPairDimension * 2 + 1});
  auto first = std::make_unique<IndexPair>(gpu.device);
  CHECK(first->device_bytes() > 0);
  IndexPair second(gpu.device);
  CHECK(second.device_bytes() == 0);
  CHECK(second.differences(10) == 0);
  first.reset();
  // It goes on the GPU's own thread, which a copy waits for.
  while (gpu.device->bytes_free() < kPairRows * kPairDimension * 2) std::this_thread::yield();
  second.upkeep();
  CHECK(second.device_bytes() > 0);
  CHECK(second.differences(10) == 0);
  CHECK_FALSE(*gpu.failed);
}

TEST_CASE("a GPU that has room for codes alone finds with them what the CPU finds", "[gpu]") {
  constexpr std::size_t kRows = 12'000, kDimension = 32, kQueries = 100, kLimit = 10;
  // What the vectors take in fp16, but for a byte. Few codes take not much less, for FAISS allocates each list by itself.
  constexpr std::size_t kBytesMax = kRows * kDimension * 2 - 1;
  const auto gpu = tested_gpu({.bytes_max = kBytesMax});
  const ClusteredVectors vectors(kRows, kDimension);
  const auto recall_with = [&](std::shared_ptr<Accelerator> device, std::size_t& device_bytes) {
    IndexOptions options;
    options.dimension = kDimension;
    options.type = IndexType::kIvfPq;
    options.seal_rows = kRows;
    options.accelerator = std::move(device);
    VectorIndex index(options);
    index.apply(vectors.rows(), std::span(vectors.segment().vectors, kRows * kDimension), {});
    while (index.maintain()) {
    }
    const auto snapshot = index.snapshot();
    device_bytes = snapshot->statistics().device_bytes;
    const auto found = snapshot->search(vectors.queries(kQueries), kQueries, {.limit = kLimit});
    std::size_t good = 0;
    for (std::size_t i = 0; i < kQueries; ++i) {
      std::set<std::uint64_t> best;
      for (const auto& hit : exact_hits(vectors.segment(), vectors.query(i), kLimit)) best.insert(hit.row);
      for (const auto& hit : found[i]) good += best.count(hit.row);
    }
    return static_cast<double>(good) / static_cast<double>(kQueries * kLimit);
  };
  std::size_t with_bytes = 0, without_bytes = 0;
  const double here = recall_with(nullptr, without_bytes);
  // The GPU's tables are fp16.
  CHECK(recall_with(gpu.device, with_bytes) >= here - 0.03);
  CHECK(with_bytes > 0);
  CHECK(with_bytes <= kBytesMax);
  CHECK(gpu.searches() > 0);
  CHECK_FALSE(*gpu.failed);
}

// Small enough for compute-sanitizer: segments of little more than the rows that are worth a copy, and few queries.
TEST_CASE("a GPU is searched while rows come and go and its copies are made anew", "[gpu]") {
  constexpr std::size_t kSteps = 60, kRowsPerStep = 1000, kRowsPerSegment = 20'000, kQueries = 4;
  const auto gpu = tested_gpu();
  auto options = IndexPair::options(IndexType::kFlat, gpu.device);
  options.seal_rows = kRowsPerSegment;
  VectorIndex index(options);
  options.accelerator = nullptr;
  VectorIndex without(options);
  const auto vectors = dense_vectors(kSteps * kRowsPerStep, 11);
  const auto queries = std::span(vectors).first(kQueries * kPairDimension);
  std::atomic<std::size_t> bad = 0;
  {
    std::vector<std::jthread> others;
    others.emplace_back([&](const std::stop_token& stop) {
      while (!stop.stop_requested()) {
        if (!index.maintain(stop)) std::this_thread::yield();
      }
    });
    for (int i = 0; i < 2; ++i) {
      others.emplace_back([&](const std::stop_token& stop) {
        while (!stop.stop_requested()) {
          // A snapshot gives the same hits whenever it is asked, and an exact scan's.
          const auto snapshot = index.snapshot();
          const auto once = snapshot->search(queries, kQueries, {.limit = 10}), again = snapshot->search(queries, kQueries, {.limit = 10});
          for (std::size_t q = 0; q < kQueries; ++q) bad += sorted(once[q]) == sorted(again[q]) ? 0 : 1;
        }
      });
    }
    for (std::size_t step = 0; step < kSteps; ++step) {
      std::vector<std::uint64_t> rows, removed;
      for (std::size_t i = 0; i < kRowsPerStep; ++i) rows.push_back(step * kRowsPerStep + i);
      // Some rows of the step before go again, and some of a segment that the GPU has: more, in all, than it can propose in addition.
      for (const std::size_t before : {std::size_t{1}, kRowsPerSegment / kRowsPerStep + 1}) {
        for (std::size_t i = before == 1 ? 0 : 1; before <= step && i < kRowsPerStep; i += 5)
          removed.push_back((step - before) * kRowsPerStep + i);
      }
      const auto its_own = std::span(vectors).subspan(step * kRowsPerStep * kPairDimension, kRowsPerStep * kPairDimension);
      index.apply(rows, its_own, removed);
      without.apply(rows, its_own, removed);
    }
    index.seal();
    without.seal();
  }
  while (index.maintain()) {
  }
  CHECK(bad == 0);
  CHECK(index.snapshot()->statistics().device_bytes > 0);
  const auto searches = gpu.searches();
  const auto a = index.snapshot()->search(queries, kQueries, {.limit = 100}),
             b = without.snapshot()->search(queries, kQueries, {.limit = 100});
  for (std::size_t q = 0; q < kQueries; ++q) CHECK(sorted(a[q]) == sorted(b[q]));
  CHECK(gpu.searches() > searches);
  CHECK_FALSE(*gpu.failed);
}

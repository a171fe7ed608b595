#include "benchmarks/gpu_search.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include "benchmarks/gpu_search_peers.h"
#include "benchmarks/repeated_runs.h"
#include "benchmarks/search_data.h"
#include "index/vector_index.h"

namespace clipdex::benchmarks {
namespace {

constexpr std::size_t kDimension = SearchData::kDimension, kQueries = SearchData::kQueries;
constexpr std::size_t kBatches[] = {1, 64, kQueries};
constexpr std::size_t kHalfBytes = kDimension * 2;  // of a vector in fp16

// One segment of all vectors, after everything that is done in the background.
struct IndexOnGpu {
  IndexOnGpu(const SearchData& data, index::IndexType type, std::shared_ptr<index::Accelerator> accelerator)
      : index(options(data.rows(), type, std::move(accelerator))) {
    index.apply(data.numbers(), data.vectors(), {});
    index.seal();
    const auto start = std::chrono::steady_clock::now();
    while (index.maintain()) {
    }
    seconds = seconds_since(start);
    snapshot = index.snapshot();
  }

  static index::IndexOptions options(std::size_t rows, index::IndexType type, std::shared_ptr<index::Accelerator> accelerator) {
    index::IndexOptions options;
    options.dimension = kDimension;
    options.type = type;
    options.seal_rows = rows;
    options.accelerator = std::move(accelerator);
    options.build_threads = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
    return options;
  }

  std::size_t device_bytes() const { return snapshot->statistics().device_bytes; }
  std::vector<std::vector<index::Hit>> search(const SearchData& data, std::size_t n) const {
    return snapshot->search(data.queries(n), n, {.limit = SearchData::kLimit});
  }

  index::VectorIndex index;
  double seconds = 0;
  std::shared_ptr<const index::Snapshot> snapshot;
};

void print(const char* what, std::size_t n, const RunTimes& times) {
  std::printf("  %-34s %5zu queries: p50 %8.3f ms, p99 %8.3f  %9.0f /s", what, n, times.p50 * 1e3, times.p99 * 1e3,
              static_cast<double>(n) / times.p50);
}

// What is there of the GPU's memory besides, FAISS's scratch memory for one, is not counted.
std::shared_ptr<index::Accelerator> accelerator(int device, std::size_t bytes_max, bool graph = false) {
  return index::make_accelerator({.device = device, .bytes_max = bytes_max, .graph = graph, .on_failure = [](const std::string& reason) {
                                    std::printf("  the GPU failed: %s\n", reason.c_str());
                                  }});
}

void measure_flat(const SearchData& data, int device, const GpuLimits& limits) {
  const auto bytes = data.rows() * kHalfBytes;
  const IndexOnGpu ours(data, index::IndexType::kFlat, accelerator(device, bytes));
  if (ours.device_bytes() == 0) throw std::runtime_error("the vectors did not come to the GPU");
  const BareFlat bare(data, device);
  std::printf("  flat, copied to the GPU in %.1f s: recall@10 %.4f; bare FAISS %.4f\n", ours.seconds,
              data.recall(ours.search(data, kQueries)), data.recall(bare.search(data.queries(kQueries), kQueries)));
  // Every vector is read once for some queries at once.
  const double pass = static_cast<double>(bytes) / limits.copied_bytes;
  for (const std::size_t n : kBatches) {
    const auto times = time_runs([&] { ours.search(data, n); });
    const auto peer = time_runs([&] { bare.search(data.queries(n), n); });
    print("flat", n, times);
    if (n == 1) std::printf("  %.2f of the copy bandwidth", pass / times.p50);
    std::printf("  bare FAISS %8.3f ms, %.2fx\n", peer.p50 * 1e3, peer.p50 / times.p50);
  }
}

// What the index that was just measured is made of: the peer's lists are as many, and as many of them are looked at.
void measure_bare_lists(const SearchData& data, int device, const nlohmann::json& ours) {
  const auto lists = ours.at("lists").get<std::size_t>(), probes = ours.at("probes").get<std::size_t>();
  const auto refined = ours.at("refined").get<std::size_t>();
  const auto start = std::chrono::steady_clock::now();
  const BareLists bare(data, device, lists, ours.at("codes").get<std::size_t>());
  std::printf("  bare GpuIndexIVFPQ, built in %.1f s\n", seconds_since(start));
  for (const std::size_t looked_at : {std::max<std::size_t>(1, probes / 4), probes, std::min(lists, 4 * probes)}) {
    const auto name = "bare, " + std::to_string(looked_at) + " lists";
    const double recall = data.recall(bare.search(data.queries(kQueries), kQueries, looked_at));
    const double recall_refined = data.recall(bare.search_refined(data.queries(kQueries), kQueries, looked_at, refined));
    for (const std::size_t n : kBatches) {
      print((name + ", by codes").c_str(), n, time_runs([&] { bare.search(data.queries(n), n, looked_at); }));
      std::printf("  recall@10 %.4f\n", recall);
      print((name + ", " + std::to_string(refined) + " refined").c_str(), n,
            time_runs([&] { bare.search_refined(data.queries(n), n, looked_at, refined); }));
      std::printf("  recall@10 %.4f\n", recall_refined);
    }
  }
}

void measure_lists(const SearchData& data, int device) {
  nlohmann::json parameters;
  {
    // A quarter of what the vectors take in fp16: there is room for the codes alone.
    const auto bytes_max = data.rows() * kHalfBytes / 4;
    const IndexOnGpu ours(data, index::IndexType::kIvfPq, accelerator(device, bytes_max));
    const auto segment = ours.snapshot->statistics().segment_details.at(0);
    parameters = nlohmann::json::parse(segment.parameters);
    if (segment.device_bytes == 0) {
      std::printf("  ivf_pq skipped: the codes did not come to the GPU (%s)\n", segment.parameters.c_str());
      return;
    }
    const double recall = data.recall(ours.search(data, kQueries));
    std::printf("  ivf_pq %s, built and copied in %.1f s, %.0f MB on the GPU\n", segment.parameters.c_str(), ours.seconds,
                static_cast<double>(segment.device_bytes) / 1e6);
    for (const std::size_t n : kBatches) {
      print("ivf_pq", n, time_runs([&] { ours.search(data, n); }));
      std::printf("  recall@10 %.4f\n", recall);
    }
    // Of the searches above none was to be the CPU's.
    if (const auto here = ours.snapshot->statistics().segment_details.at(0).approximated; here > 0)
      std::printf("  ivf_pq: %llu queries were answered by the CPU\n", static_cast<unsigned long long>(here));
  }
  measure_bare_lists(data, device, parameters);
}

void measure_graph(const SearchData& data, int device) {
  // A graph takes 256 bytes a vector and 64 MiB (docs/gpu.md).
  const auto bytes_max = data.rows() * (kHalfBytes + 256) + (std::size_t{128} << 20);
  std::shared_ptr<index::Accelerator> with_graphs;
  try {
    with_graphs = accelerator(device, bytes_max, /*graph=*/true);
  } catch (const std::runtime_error& error) {
    std::printf("  graph skipped: %s\n", error.what());
    return;
  }
  const IndexOnGpu ours(data, index::IndexType::kAuto, std::move(with_graphs));
  if (ours.device_bytes() <= data.rows() * kHalfBytes) {
    std::printf("  graph skipped: none was built; it takes 500,000 vectors and some gigabytes of the GPU's memory\n");
    return;
  }
  const double recall = data.recall(ours.search(data, kQueries));
  std::printf("  graph, copied and built in %.1f s, %.0f MB on the GPU with the vectors\n", ours.seconds,
              static_cast<double>(ours.device_bytes()) / 1e6);
  for (const std::size_t n : kBatches) {
    print("graph", n, time_runs([&] { ours.search(data, n); }));
    std::printf("  recall@10 %.4f\n", recall);
  }
}

}  // namespace

void measure_searching(std::size_t rows, int device, const GpuLimits& limits) {
  std::printf("\n%zu x %zu in fp16; recall@10 is of %zu queries, against an exact scan by the CPU in fp32\n", rows, kDimension, kQueries);
  const SearchData data(rows);
  measure_flat(data, device, limits);
  measure_lists(data, device);
  measure_graph(data, device);
}

}  // namespace clipdex::benchmarks

// The whole engine: how fast rows are loaded, how soon a collection is ready again, and how long searches take, in the process and over
// HTTP, beside the memory's bandwidth and bare hnswlib and FAISS in the same run. Usage: engine_bench [--type auto] [--alone]
// [ROWS...] (default 10000 100000); --alone: without the libraries, whose graphs of a million rows take as long to build as ours
#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <numeric>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "benchmarks/clip_like_vectors.h"
#include "benchmarks/index_peers.h"
#include "benchmarks/random_checkpoint.h"
#include "benchmarks/raw_client.h"
#include "engine/engine.h"
#include "http/server.h"

namespace {

using namespace clipdex;
using Clock = std::chrono::steady_clock;
namespace fs = std::filesystem;

constexpr std::size_t kDimension = 512;
constexpr std::size_t kQueries = 1000;
constexpr std::size_t kHits = 10;
constexpr std::size_t kRecallQueries = 200;
// What the engine builds its graphs with.
constexpr std::size_t kLinks = 16, kCandidates = 100;
constexpr std::size_t kFaissGraphRowsMax = 300'000;  // its build takes too long
constexpr std::size_t kFaissFlatRowsMax = 20'000;    // more are slow by nature

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

struct Latencies {
  std::vector<double> ms;
  double seconds = 0;  // of the whole run

  double percentile(double share) {
    std::sort(ms.begin(), ms.end());
    return ms.empty() ? 0 : ms[std::min(ms.size() - 1, static_cast<std::size_t>(share * static_cast<double>(ms.size())))];
  }
};

// `work(client, i)` for i below `count`, from `clients` threads at once.
template <typename Work>
Latencies measure(std::size_t clients, std::size_t count, const Work& work) {
  std::vector<Latencies> each(clients);
  std::atomic<std::size_t> next = 0;
  const auto start = Clock::now();
  {
    std::vector<std::jthread> threads;
    for (std::size_t client = 0; client < clients; ++client) {
      threads.emplace_back([&, client] {
        for (std::size_t i = next++; i < count; i = next++) {
          const auto begin = Clock::now();
          work(client, i);
          each[client].ms.push_back(seconds_since(begin) * 1e3);
        }
      });
    }
  }
  Latencies all{.ms = {}, .seconds = seconds_since(start)};
  for (auto& one : each) all.ms.insert(all.ms.end(), one.ms.begin(), one.ms.end());
  return all;
}

void print(const std::string& what, Latencies latencies) {
  std::printf("  %-44s p50 %8.3f ms  p95 %8.3f  p99 %8.3f  %8.0f /s\n", what.c_str(), latencies.percentile(0.5), latencies.percentile(0.95),
              latencies.percentile(0.99), static_cast<double>(latencies.ms.size()) / latencies.seconds);
}

std::size_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::size_t total = 0, resident = 0, shared = 0;
  file >> total >> resident >> shared;
  return (resident - shared) * 4096;
}

// Bytes a second of a plain sum over a large array by `threads` threads.
double bandwidth(std::size_t threads) {
  std::vector<float> memory(std::size_t{128} << 20, 1.0F);
  double best = 0;
  std::atomic<float> keep = 0;
  for (int round = 0; round < 3; ++round) {
    const auto start = Clock::now();
    std::vector<std::jthread> workers;
    for (std::size_t worker = 0; worker < threads; ++worker) {
      workers.emplace_back([&, worker] {
        const std::size_t share = memory.size() / threads;
        const float* from = memory.data() + worker * share;
        float sums[64] = {};
        for (std::size_t i = 0; i + 64 <= share; i += 64) {
          for (std::size_t j = 0; j < 64; ++j) sums[j] += from[i + j];
        }
        keep = keep + std::accumulate(std::begin(sums), std::end(sums), 0.0F);
      });
    }
    workers.clear();
    best = std::max(best, static_cast<double>(memory.size() * sizeof(float)) / seconds_since(start));
  }
  return best;
}

engine::SearchRequest request(std::span<const float> query, bool exact = false) {
  engine::SearchRequest request{.query = engine::VectorQuery{{query.begin(), query.end()}}};
  request.limit = kHits;
  request.exact = exact;
  return request;
}

struct Bench {
  std::string type = "auto";
  fs::path root;
  bool alone = false;
  double bytes_per_second = 0;

  engine::EngineOptions options() const { return {.data_directory = root / "data", .model = root / "model"}; }

  void load(engine::Collection& collection, const std::vector<float>& values) const {
    constexpr std::size_t kBatch = 10'000;
    const std::size_t rows = values.size() / kDimension;
    const auto start = Clock::now();
    for (std::size_t done = 0; done < rows;) {
      const std::size_t n = std::min(kBatch, rows - done);
      std::vector<engine::VectorItem> items(n);
      for (std::size_t i = 0; i < n; ++i) {
        items[i].id = std::to_string(done + i);
        const auto vector = std::span(values).subspan((done + i) * kDimension, kDimension);
        items[i].embedding.assign(vector.begin(), vector.end());
      }
      collection.import_vectors(items);
      done += n;
    }
    const double loaded = seconds_since(start);
    std::printf("  loaded %zu rows in %.1f s: %.0f rows/s\n", rows, loaded, static_cast<double>(rows) / loaded);
  }

  void describe(engine::Collection& collection) const {
    const auto statistics = collection.statistics();
    const double millions = static_cast<double>(statistics.images) / 1e6;
    std::printf("  %s\n", statistics.index_explanation.c_str());
    std::printf(
        "  %zu segments; per million rows: index %.0f MB in memory + %.0f MB mapped, store %.0f MB on disk; process %.0f MB private\n",
        statistics.index_segments, static_cast<double>(statistics.index_memory_bytes) / 1e6 / millions,
        static_cast<double>(statistics.index_mapped_bytes) / 1e6 / millions, static_cast<double>(statistics.disk_bytes) / 1e6 / millions,
        static_cast<double>(resident_bytes()) / 1e6);
  }

  // The exact ten best of the first kRecallQueries.
  static std::vector<std::set<std::uint64_t>> exact_hits(engine::Collection& collection, const std::vector<float>& queries) {
    std::vector<std::set<std::uint64_t>> exact(kRecallQueries);
    for (std::size_t i = 0; i < kRecallQueries; ++i) {
      const std::span query(queries.data() + i * kDimension, kDimension);
      for (const auto& hit : collection.search(request(query, true)).hits) exact[i].insert(std::stoull(hit.record.id));
    }
    return exact;
  }

  static double recall(const std::vector<std::set<std::uint64_t>>& exact,
                       const std::function<std::vector<std::uint64_t>(std::size_t)>& search) {
    std::size_t found = 0;
    for (std::size_t i = 0; i < exact.size(); ++i) {
      for (const auto id : search(i)) found += exact[i].contains(id) ? 1 : 0;
    }
    return static_cast<double>(found) / static_cast<double>(exact.size() * kHits);
  }

  // Searches a second of the engine, by clients.
  static std::map<std::size_t, double> in_process(engine::Collection& collection, const std::vector<float>& queries) {
    std::map<std::size_t, double> rates;
    for (const std::size_t clients : {1, 8, 32}) {
      const auto times = measure(clients, 4 * kQueries, [&](std::size_t, std::size_t i) {
        collection.search(request(std::span(queries).subspan(i % kQueries * kDimension, kDimension)));
      });
      print(std::to_string(clients) + " in the process", times);
      rates[clients] = static_cast<double>(times.ms.size()) / times.seconds;
    }
    return rates;
  }

  // By id, without HTTP: an id's embedding, the hits' records and what lies between, without the scan.
  static void by_id_in_process(engine::Engine& engine, engine::Collection& collection, std::size_t rows) {
    Latencies rest;
    const auto ms_of = [](const auto& stage) { return static_cast<double>(stage.read().sum) / 1e6; };
    const auto& metrics = engine.metrics();
    const double records_before = ms_of(metrics.records);
    const auto all = measure(1, 4 * kQueries, [&](std::size_t, std::size_t i) {
      engine::SearchRequest asked{.query = engine::IdQuery{std::to_string((4 * kQueries + i) * 7919 % rows)}};
      asked.limit = kHits;
      const auto begin = Clock::now();
      const double scanned = ms_of(metrics.index_search);
      collection.search(asked);
      rest.ms.push_back(seconds_since(begin) * 1e3 - (ms_of(metrics.index_search) - scanned));
    });
    print("1 in the process, by id", all);
    std::printf("  %-44s %.3f ms p50, of which reading records %.3f ms\n", "of it all but the scan", rest.percentile(0.5),
                (ms_of(metrics.records) - records_before) / static_cast<double>(4 * kQueries));
  }

  // The library at the engine's recall, or above it if it has no setting that gives just that.
  static void compare(const char* name, benchmarks::IndexPeer& peer, const std::vector<std::set<std::uint64_t>>& exact,
                      double recall_of_engine, const std::vector<float>& queries, const std::map<std::size_t, double>& rates) {
    const auto search = [&](std::size_t i) {
      std::vector<std::uint64_t> found;
      peer.search(queries.data() + i % kQueries * kDimension, kHits, found);
      return found;
    };
    double reached = 0;
    std::size_t candidates = 0;
    for (const std::size_t next : {10, 15, 20, 25, 30, 40, 50, 60, 80, 100, 120, 160, 200, 240, 320, 480, 640, 1000}) {
      candidates = next;
      peer.set_candidates(candidates);
      reached = recall(exact, search);
      if (reached >= recall_of_engine) break;
    }
    if (reached < recall_of_engine) {
      std::printf("  %-20s reaches a recall of %.4f and no more\n", name, reached);
      return;
    }
    for (const std::size_t clients : {1, 8, 32}) {
      const auto times = measure(clients, 4 * kQueries, [&](std::size_t, std::size_t i) { search(i); });
      const double rate = static_cast<double>(times.ms.size()) / times.seconds;
      std::printf("  %-20s (%zu candidates, recall %.4f), %zu clients: %.0f /s; the whole engine is %.2f of it\n", name, candidates,
                  reached, clients, rate, rates.at(clients) / rate);
    }
  }

  void exact_scans(engine::Collection& collection, const std::vector<float>& queries, std::size_t rows) const {
    const auto query = [&](std::size_t i) { return std::span(queries.data() + i % kQueries * kDimension, kDimension); };
    const std::size_t scans = std::max<std::size_t>(20, 4'000'000 / rows);
    auto exact = measure(1, scans, [&](std::size_t, std::size_t i) { collection.search(request(query(i), true)); });
    const double bytes = static_cast<double>(rows * kDimension * sizeof(float));
    print("exact, 1 in the process", exact);
    std::printf("  %-44s %.1f GB/s, %.2f of the bandwidth\n", "", bytes / exact.percentile(0.5) / 1e6,
                bytes / (exact.percentile(0.5) / 1e3) / bytes_per_second);
    std::vector<engine::SearchRequest> many;
    for (std::size_t i = 0; i < 256; ++i) many.push_back(request(query(i), true));
    const auto start = Clock::now();
    collection.search_many(many);
    std::printf("  %-44s %.0f /s\n", "exact, 256 in one call", 256 / seconds_since(start));
  }

  // `body(i)`: the JSON of search i, of `count`. All but the encoding and the vector scan is HTTP, JSON, an id's embedding, the hits'
  // records.
  static void over_http(engine::Engine& engine, const char* what, std::size_t count, const std::function<std::string(std::size_t)>& body) {
    http::Server server({.port = 0});
    std::jthread serving([&] { server.run(engine); });
    for (const std::size_t clients : {1, 8, 32}) {
      std::vector<std::unique_ptr<benchmarks::RawClient>> connections;
      for (std::size_t i = 0; i < clients; ++i) connections.push_back(std::make_unique<benchmarks::RawClient>(server.port()));
      Latencies rest;
      const double records_before = static_cast<double>(engine.metrics().records.read().sum) / 1e6;
      const auto counted_ms = [&] {
        return static_cast<double>(engine.metrics().index_search.read().sum + engine.metrics().encode_text.read().sum) / 1e6;
      };
      auto all = measure(clients, count, [&](std::size_t client, std::size_t i) {
        const auto asked = benchmarks::http_request("POST", "/v1/collections/bench/search", body(clients * count + i));
        const auto begin = Clock::now();
        const double counted = counted_ms();
        connections[client]->ask(asked);
        if (clients == 1) rest.ms.push_back(seconds_since(begin) * 1e3 - (counted_ms() - counted));
      });
      print(std::to_string(clients) + " over HTTP, by " + what, all);
      if (clients > 1) continue;
      const double records = static_cast<double>(engine.metrics().records.read().sum) / 1e6 - records_before;
      std::printf("  %-44s %.3f ms p50 (at most 0.3 is wanted), of which reading records %.3f ms\n", "of it all but encoding and scan",
                  rest.percentile(0.5), records / static_cast<double>(count));
    }
    server.stop();
  }

  // Data and model are read from the disk again.
  void forget_files() const {
    for (const auto& entry : fs::recursive_directory_iterator(root)) {
      if (!entry.is_regular_file()) continue;
      const int file = ::open(entry.path().c_str(), O_RDONLY);
      const bool forgotten = file >= 0 && ::fsync(file) == 0 && ::posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED) == 0;
      if (file >= 0) ::close(file);
      if (!forgotten) throw std::runtime_error("the system keeps " + entry.path().string() + " in memory");
    }
  }

  void start_cold() const {
    forget_files();
    const auto start = Clock::now();
    const engine::Engine engine(options());
    const auto ready = seconds_since(start);
    const std::vector<float> query(kDimension, 1);
    engine.collection("bench")->search(request(query));
    std::printf(
        "  ready %.2f s after a start with none of the data's and the model's (605 MB) files in memory; the first search took %.0f ms\n",
        ready, (seconds_since(start) - ready) * 1e3);
  }

  void run(std::size_t rows) const {
    std::printf("\n%zu rows x %zu, index \"%s\"\n", rows, kDimension, type.c_str());
    fs::remove_all(root / "data");
    std::vector<float> queries(kQueries * kDimension), values(rows * kDimension);
    {
      const benchmarks::ClipLikeVectors vectors(/*clusters=*/std::max<std::size_t>(100, rows / 100));
      vectors.rows(rows, values.data());
      vectors.queries(kQueries, queries.data());
    }
    std::future<std::unique_ptr<benchmarks::IndexPeer>> hnswlib;
    {
      engine::Engine engine(options());
      const auto collection = engine.create_collection("bench", {.index_type = type, .store = engine::StoredContent::kNone}).first;
      load(*collection, values);
      // Beside the engine's own build, which leaves half of the cores.
      const int threads = std::max(1, static_cast<int>(std::thread::hardware_concurrency() / 2));
      hnswlib = std::async(std::launch::async, [this, &values, rows, threads]() -> std::unique_ptr<benchmarks::IndexPeer> {
        if (alone) return nullptr;
        return benchmarks::make_hnswlib(values.data(), rows, kDimension, kLinks, kCandidates, threads);
      });
      const auto start = Clock::now();
      collection->finish_upkeep();
      std::printf("  written, merged and built %.1f s later\n", seconds_since(start));
    }
    const auto graph = hnswlib.get();
    start_cold();
    const auto start = Clock::now();
    engine::Engine engine(options());
    const auto collection = engine.collection("bench");
    std::printf("  ready %.2f s after the start, the model's loading included\n", seconds_since(start));
    collection->search(request(std::span(queries).first(kDimension), true));  // once through memory
    describe(*collection);
    const auto exact = exact_hits(*collection, queries);
    const double found = recall(exact, [&](std::size_t i) {
      std::vector<std::uint64_t> ids;
      for (const auto& hit : collection->search(request(std::span(queries).subspan(i * kDimension, kDimension))).hits)
        ids.push_back(std::stoull(hit.record.id));
      return ids;
    });
    std::printf("  recall@10 %.4f\n", found);
    const auto rates = in_process(*collection, queries);
    exact_scans(*collection, queries, rows);
    by_id_in_process(engine, *collection, rows);
    over_http(engine, "id", 4 * kQueries, [&](std::size_t i) { return R"({"id":")" + std::to_string(i * 7919 % rows) + "\"}"; });
    over_http(engine, "text", kQueries, [](std::size_t i) { return R"({"text":"a photo of a red apple )" + std::to_string(i) + "\"}"; });
    if (graph) compare("hnswlib", *graph, exact, found, queries, rates);
    if (alone) return;
    if (rows <= kFaissGraphRowsMax)
      compare("FAISS IndexHNSWFlat", *benchmarks::make_faiss_hnsw(values.data(), rows, kDimension, kLinks, kCandidates), exact, found,
              queries, rates);
    if (rows <= kFaissFlatRowsMax)
      compare("FAISS IndexFlatIP", *benchmarks::make_faiss_flat(values.data(), rows, kDimension), exact, found, queries, rates);
  }
};

}  // namespace

int main(int argc, char** argv) {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  spdlog::set_level(spdlog::level::warn);
  Bench bench;
  std::vector<std::size_t> sizes;
  for (int i = 1; i < argc; ++i) {
    if (std::string(argv[i]) == "--type" && i + 1 < argc) {
      bench.type = argv[++i];
    } else if (std::string(argv[i]) == "--alone") {
      bench.alone = true;
    } else {
      sizes.push_back(std::strtoull(argv[i], nullptr, 10));
    }
  }
  if (sizes.empty()) sizes = {10'000, 100'000};
  // Beside the build: /tmp may be memory, which is not what a disk is measured with.
  bench.root = fs::path(CLIPDEX_BINARY_DIR) / "engine_bench_data";
  fs::remove_all(bench.root);
  benchmarks::write_random_checkpoint(benchmarks::vit_b_32(), bench.root / "model");
  bench.bytes_per_second = bandwidth(std::thread::hardware_concurrency());
  std::printf("memory bandwidth: %.1f GB/s by %u threads\n", bench.bytes_per_second / 1e9, std::thread::hardware_concurrency());
  for (const auto rows : sizes) bench.run(rows);
  fs::remove_all(bench.root);
}

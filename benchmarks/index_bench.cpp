// Searching inside one segment, against bare FAISS and hnswlib in the same run. Usage: index_bench [ROWS [PART...]], ROWS 100000 unless
// told otherwise, PART of scan, hnsw, ivf_pq. The vectors are described in clip_like_vectors.h: FAISS and hnswlib hold copies of them, ours
// does not. One thread searches unless a line says otherwise.
#include <faiss/IndexFlat.h>
#include <faiss/IndexIVFPQ.h>
#include <faiss/IndexRefine.h>
#include <omp.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <functional>
#include <numeric>
#include <set>
#include <string>

#include "benchmarks/clip_like_vectors.h"
#include "benchmarks/index_peers.h"
#include "index/approximation.h"

namespace {

using clipdex::benchmarks::AlignedFloats;
using clipdex::benchmarks::ClipLikeVectors;
using clipdex::benchmarks::IndexPeer;
using clipdex::index::Approximation;
using clipdex::index::Hit;
using clipdex::index::ScanInput;
using Answers = std::vector<std::vector<std::uint64_t>>;

constexpr std::size_t kDimension = ClipLikeVectors::kDimension;
constexpr std::size_t kQueries = 512;
constexpr std::size_t kLimit = 10;
constexpr int kRepeats = 3;

double seconds(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// What the calling thread computed: the time that others of the machine had the core does not count.
double thread_seconds(const std::function<void()>& work) {
  const auto now = [] {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
  };
  const double start = now();
  work();
  return now() - start;
}

// The least of some runs: what others do on the machine only ever adds. Of work on one thread its own time.
double best_seconds(int threads, const std::function<void()>& work) {
  double best = 0;
  for (int i = 0; i < kRepeats; ++i) {
    const double time = threads == 1 ? thread_seconds(work) : seconds(work);
    if (i == 0 || time < best) best = time;
  }
  return best;
}

struct Data {
  explicit Data(std::size_t n_) : n(n_), rows(n * kDimension), queries(kQueries * kDimension), numbers(n) {
    const ClipLikeVectors vectors(std::max<std::size_t>(200, n / 250));
    vectors.rows(n, rows.data.get());
    vectors.queries(kQueries, queries.data.get());
    std::iota(numbers.begin(), numbers.end(), 0);
  }
  ScanInput segment() const { return {.vectors = rows.data.get(), .rows = numbers, .dimension = kDimension}; }
  const float* query(std::size_t i) const { return queries.data.get() + i * kDimension; }
  std::span<const float> query_span(std::size_t i, std::size_t count = 1) const { return {query(i), count * kDimension}; }

  std::size_t n;
  AlignedFloats rows, queries;
  std::vector<std::uint64_t> numbers;
  Answers exact;  // the best kLimit of each query
};

double recall(const Data& data, const Answers& answers) {
  std::size_t found = 0;
  for (std::size_t i = 0; i < kQueries; ++i) {
    const std::set<std::uint64_t> expected(data.exact[i].begin(), data.exact[i].end());
    for (const auto row : answers[i]) found += expected.count(row);
  }
  return static_cast<double>(found) / static_cast<double>(kQueries * kLimit);
}

std::vector<std::uint64_t> best_rows(std::vector<Hit> hits) {
  std::sort(hits.begin(), hits.end(), [](const Hit& a, const Hit& b) { return a.score != b.score ? a.score > b.score : a.row < b.row; });
  hits.resize(std::min(hits.size(), kLimit));
  std::vector<std::uint64_t> rows;
  for (const auto& hit : hits) rows.push_back(hit.row);
  return rows;
}

double gigabytes(const Data& data) { return static_cast<double>(data.n * kDimension * sizeof(float)) / 1e9; }

// What a plain read of the same memory takes.
double read_seconds(const Data& data, int threads) {
  const float* x = data.rows.data.get();
  const std::size_t lines = data.n * kDimension / 16;
  return best_seconds(threads, [&] {
    double total = 0;
#pragma omp parallel for num_threads(threads) reduction(+ : total) schedule(static)
    for (std::size_t block = 0; block < lines / 64; ++block) {
      // Integer sums: compilers may reorder them.
      std::uint32_t sums[16] = {};
      for (std::size_t i = block * 64; i < block * 64 + 64; ++i) {
        std::uint32_t line[16];
        std::memcpy(line, x + i * 16, sizeof line);
        for (std::size_t k = 0; k < 16; ++k) sums[k] += line[k];
      }
      total += std::accumulate(sums, sums + 16, 0U);
    }
    if (total == 0.5) std::puts("");
  });
}

void bench_scan(const Data& data) {
  faiss::IndexFlatIP flat(kDimension);
  flat.add(static_cast<faiss::idx_t>(data.n), data.rows.data.get());
  const auto scan_ours = [&](std::size_t count) {
    std::vector<std::vector<Hit>> hits(count);
    clipdex::index::scan(data.segment(), data.query_span(0, count), count, kLimit, hits);
  };
  const auto scan_faiss = [&](std::size_t count) {
    std::vector<float> scores(count * kLimit);
    std::vector<faiss::idx_t> positions(count * kLimit);
    flat.search(static_cast<faiss::idx_t>(count), data.query(0), kLimit, scores.data(), positions.data());
  };
  for (const int threads : {1, omp_get_num_procs()}) {
    omp_set_num_threads(threads);
    const double read = read_seconds(data, threads);
    const double ours = best_seconds(threads, [&] { scan_ours(1); }), theirs = best_seconds(threads, [&] { scan_faiss(1); });
    std::printf("%d threads: a plain read %.2f GB/s; one query: ours %.2f ms, %.2f GB/s, %.0f %% of it; FAISS IndexFlatIP %.2f ms\n",
                threads, gigabytes(data) / read, ours * 1e3, gigabytes(data) / ours, 100 * read / ours, theirs * 1e3);
    for (const std::size_t count : {8, 256}) {
      const double ours_batch = best_seconds(threads, [&] { scan_ours(count); }),
                   theirs_batch = best_seconds(threads, [&] { scan_faiss(count); });
      std::printf("%d threads: %zu queries at once: ours %.0f queries/s (%.0f GFLOP/s); FAISS IndexFlatIP %.0f queries/s\n", threads, count,
                  static_cast<double>(count) / ours_batch, 2 * static_cast<double>(count * data.n * kDimension) / ours_batch / 1e9,
                  static_cast<double>(count) / theirs_batch);
    }
  }
  // What a growing buffer of few rows takes: no thread is started for it.
  ScanInput few = data.segment();
  few.rows = few.rows.first(1000);
  std::printf("one query against 1000 rows: %.1f us\n", best_seconds(1, [&] {
                                                          for (std::size_t i = 0; i < 100; ++i) {
                                                            std::vector<std::vector<Hit>> hits(1);
                                                            clipdex::index::scan(few, data.query_span(i), 1, kLimit, hits);
                                                          }
                                                        }) * 1e4);
}

using SearchOne = std::function<std::vector<std::uint64_t>(std::size_t query, std::size_t effort)>;

// Recall and speed by effort, and the speed at a recall of 0.95 between the two efforts around it.
void sweep(const Data& data, const char* name, const std::vector<std::size_t>& efforts, const SearchOne& search) {
  omp_set_num_threads(1);
  double before_recall = 0, before_time = 0, at_95 = 0;
  std::printf("%-28s", name);
  for (const auto effort : efforts) {
    Answers answers(kQueries);
    const double time = best_seconds(1,
                                     [&] {
                                       for (std::size_t i = 0; i < kQueries; ++i) answers[i] = search(i, effort);
                                     }) /
                        kQueries;
    const double found = recall(data, answers);
    std::printf("  %zu: %.4f %.0f/s", effort, found, 1 / time);
    if (at_95 == 0 && found >= 0.95)
      at_95 = before_recall == 0 ? time : before_time + (time - before_time) * (0.95 - before_recall) / (found - before_recall);
    before_recall = found;
    before_time = time;
  }
  std::printf("  | at 0.95: %.0f queries/s\n", at_95 == 0 ? 0 : 1 / at_95);
  omp_set_num_threads(omp_get_num_procs());
}

// The effort that it chooses itself is 0.
void sweep_ours(const Data& data, const char* name, const Approximation& approximation, const std::vector<std::size_t>& efforts) {
  sweep(data, name, efforts, [&](std::size_t i, std::size_t effort) {
    std::vector<std::vector<Hit>> hits(1);
    approximation.search(data.segment(), data.query_span(i), 1, kLimit, effort, hits);
    return best_rows(std::move(hits[0]));
  });
}

void sweep_faiss(const Data& data, const char* name, const faiss::Index& index, const std::vector<std::size_t>& efforts,
                 const std::function<std::unique_ptr<faiss::SearchParameters>(std::size_t)>& parameters) {
  sweep(data, name, efforts, [&](std::size_t i, std::size_t effort) {
    std::vector<float> scores(kLimit);
    std::vector<faiss::idx_t> positions(kLimit);
    index.search(1, data.query(i), kLimit, scores.data(), positions.data(), parameters(effort).get());
    return std::vector<std::uint64_t>(positions.begin(), positions.end());
  });
}

std::unique_ptr<const Approximation> build_ours(const Data& data, std::string_view type) {
  std::unique_ptr<const Approximation> built;
  const double time = seconds([&] {
    built = clipdex::index::build_approximation(
        type, {.vectors = data.rows.data.get(), .n = data.n, .dimension = kDimension, .threads = omp_get_num_procs()});
  });
  std::printf("%.*s: ours built in %.1f s, %.1f MiB, %s\n", static_cast<int>(type.size()), type.data(), time,
              static_cast<double>(built->memory_bytes()) / 1048576, built->parameters().c_str());
  return built;
}

// Every list at once, on all cores.
void bench_batch(const Data& data, const Approximation& approximation) {
  const double time = best_seconds(omp_get_max_threads(), [&] {
    std::vector<std::vector<Hit>> hits(256);
    approximation.search(data.segment(), data.query_span(0, 256), 256, kLimit, 0, hits);
  });
  std::printf("256 queries at once, %d threads: ours %.0f queries/s\n", omp_get_max_threads(), 256 / time);
}

// How recall holds for other limits and under filters.
void bench_conditions(const Data& data, const Approximation& approximation) {
  const std::size_t queries = std::min<std::size_t>(kQueries, data.n > 300'000 ? 64 : 256);
  const auto run = [&](const char* name, std::size_t limit, const clipdex::index::Tombstones* deleted,
                       const clipdex::index::RowSet* allowed) {
    auto segment = data.segment();
    segment.deleted = deleted;
    segment.allowed = allowed;
    std::vector<std::vector<Hit>> exact(queries), hits(queries);
    clipdex::index::scan(segment, data.query_span(0, queries), queries, limit, exact);
    omp_set_num_threads(1);
    const double time = thread_seconds([&] {
                          for (std::size_t i = 0; i < queries; ++i) {
                            std::vector<std::vector<Hit>> one(1);
                            approximation.search(segment, data.query_span(i), 1, limit, 0, one);
                            hits[i] = std::move(one[0]);
                          }
                        }) /
                        static_cast<double>(queries);
    omp_set_num_threads(omp_get_num_procs());
    std::size_t found = 0, all = 0;
    for (std::size_t i = 0; i < queries; ++i) {
      std::set<std::uint64_t> expected;
      for (const auto& hit : exact[i]) expected.insert(hit.row);
      all += expected.size();
      for (const auto& hit : hits[i]) found += expected.count(hit.row);
    }
    std::printf("  %-24s recall %.4f  %.3f ms\n", name, static_cast<double>(found) / static_cast<double>(std::max<std::size_t>(all, 1)),
                time * 1e3);
  };
  for (const std::size_t limit : {1, 100, 1000, 10'000}) run(("limit " + std::to_string(limit)).c_str(), limit, nullptr, nullptr);
  for (const unsigned percent : {80, 50, 20, 10, 5, 2, 1}) {
    std::mt19937 random(percent);
    clipdex::index::RowSetBuilder builder;
    clipdex::index::Tombstones deleted;
    for (std::size_t i = 0; i < data.n; ++i) {
      if (random() % 100 < percent) {
        builder.add(i);
      } else {
        deleted.add(i);
      }
    }
    const auto allowed = builder.build();
    run((std::to_string(percent) + " % allowed").c_str(), kLimit, nullptr, &allowed);
    if (percent >= 50) run((std::to_string(percent) + " % not deleted").c_str(), kLimit, &deleted, nullptr);
  }
}

void bench_hnsw(const Data& data) {
  constexpr std::size_t kLinks = 16, kCandidates = 100;
  const std::vector<std::size_t> efforts{20, 40, 60, 80, 120, 160, 240, 320};
  const auto ours = build_ours(data, clipdex::index::kHnsw);
  auto with_default = efforts;
  with_default.push_back(0);
  sweep_ours(data, "ours", *ours, with_default);
  bench_batch(data, *ours);
  bench_conditions(data, *ours);

  const auto compare = [&](const char* name, const std::function<std::unique_ptr<IndexPeer>()>& make) {
    std::unique_ptr<IndexPeer> peer;
    const double time = seconds([&] { peer = make(); });
    if (!peer) return;
    std::printf("hnsw: %s built in %.1f s\n", name, time);
    sweep(data, name, efforts, [&](std::size_t i, std::size_t effort) {
      peer->set_candidates(effort);
      std::vector<std::uint64_t> found;
      peer->search(data.query(i), kLimit, found);
      return found;
    });
  };
  const float* rows = data.rows.data.get();
  compare("hnswlib", [&] { return clipdex::benchmarks::make_hnswlib(rows, data.n, kDimension, kLinks, kCandidates, omp_get_num_procs()); });
  sweep_ours(data, "ours, again", *ours, efforts);
  if (data.n > 300'000) return;  // its build takes too long
  compare("FAISS IndexHNSWFlat", [&] { return clipdex::benchmarks::make_faiss_hnsw(rows, data.n, kDimension, kLinks, kCandidates); });
}

void bench_ivf_pq(const Data& data) {
  const std::vector<std::size_t> efforts{4, 8, 16, 32, 64, 128};
  const auto ours = build_ours(data, clipdex::index::kIvfPq);
  auto with_default = efforts;
  with_default.push_back(0);
  sweep_ours(data, "ours", *ours, with_default);
  bench_batch(data, *ours);
  bench_conditions(data, *ours);
  if (data.n > 300'000) return;  // its build takes too long

  const auto lists = static_cast<std::size_t>(4 * std::sqrt(static_cast<double>(data.n)));
  faiss::IndexFlatIP quantizer(kDimension);
  faiss::IndexIVFPQ file(&quantizer, kDimension, lists, kDimension / 8, 8, faiss::METRIC_INNER_PRODUCT);
  file.cp.niter = 8;
  file.cp.max_points_per_centroid = 32;
  file.pq.cp.niter = 12;
  faiss::IndexRefineFlat refined(&file);
  std::printf("ivf_pq: FAISS IndexIVFPQ and IndexRefineFlat built in %.1f s\n", seconds([&] {
                refined.train(static_cast<faiss::idx_t>(data.n), data.rows.data.get());
                refined.add(static_cast<faiss::idx_t>(data.n), data.rows.data.get());
              }));
  faiss::IVFPQSearchParameters inner;
  sweep_faiss(data, "FAISS IVFPQ, refined", refined, efforts, [&](std::size_t effort) {
    auto parameters = std::make_unique<faiss::IndexRefineSearchParameters>();
    inner.nprobe = effort;
    parameters->base_index_params = &inner;
    parameters->k_factor = 16;
    return parameters;
  });
}

}  // namespace

int main(int argc, char** argv) {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  const std::size_t n = argc > 1 ? std::stoul(argv[1]) : 100'000;
  const std::set<std::string> parts(argv + std::min(argc, 2), argv + argc);
  const auto wanted = [&](const char* part) { return parts.empty() || parts.count(part) > 0; };
  Data data(n);
  std::printf("%zu rows of %zu, %.2f GB; recall@%zu over %zu queries, half of them text-like\n", n, kDimension, gigabytes(data), kLimit,
              kQueries);
  std::vector<std::vector<Hit>> hits(kQueries);
  clipdex::index::scan(data.segment(), data.query_span(0, kQueries), kQueries, kLimit, hits);
  double best = 0, last = 0;
  for (auto& list : hits) {
    std::sort(list.begin(), list.end(), [](const Hit& a, const Hit& b) { return a.score > b.score; });
    best += static_cast<double>(list.front().score) / kQueries;
    last += static_cast<double>(list[kLimit - 1].score) / kQueries;
    data.exact.push_back(best_rows(list));
  }
  std::printf("on average the best row scores %.3f and the tenth %.3f\n", best, last);
  if (wanted("scan")) bench_scan(data);
  if (wanted("hnsw")) bench_hnsw(data);
  if (wanted("ivf_pq")) bench_ivf_pq(data);
}

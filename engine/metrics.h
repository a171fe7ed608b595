// What a running engine counts: lock-free counters, gauges and histograms with named members. http/ formats them for Prometheus.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/ingest.h"

namespace clipdex::engine {

// Counts upwards. Any thread may call it; one relaxed add.
class Counter {
 public:
  void add(std::uint64_t amount = 1) { value_.fetch_add(amount, std::memory_order_relaxed); }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_ = 0;
};

// A level that rises and falls. Any thread may call it; one relaxed add.
class Gauge {
 public:
  void add(std::int64_t amount) { value_.fetch_add(amount, std::memory_order_relaxed); }
  void set(std::int64_t value) { value_.store(value, std::memory_order_relaxed); }
  std::int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> value_ = 0;
};

// Raises a gauge by `amount` for as long as it lives: what waits in a queue, who works.
class GaugeHold {
 public:
  explicit GaugeHold(Gauge& gauge, std::int64_t amount = 1) : gauge_(gauge), amount_(amount) { gauge_.add(amount_); }
  ~GaugeHold() { gauge_.add(-amount_); }
  GaugeHold(const GaugeHold&) = delete;
  GaugeHold& operator=(const GaugeHold&) = delete;

 private:
  Gauge& gauge_;
  std::int64_t amount_;
};

// How often values fell into which of some fixed ranges. Any thread may call it; observing is a search among the bounds and two relaxed
// adds, and a histogram shares no cache line with another. A reader may see a value's sum before its count, which Prometheus tolerates.
class alignas(64) Histogram {
 public:
  static constexpr std::size_t kBoundsMax = 22;

  struct Reading {
    std::span<const std::uint64_t> bounds;             // inclusive upper ends, ascending; one more range goes on without end
    std::array<std::uint64_t, kBoundsMax + 1> counts;  // of the ranges, not cumulative; bounds.size() + 1 of them
    std::uint64_t sum = 0;
  };

  // bounds: ascending, at most kBoundsMax, of static lifetime. Throws std::invalid_argument.
  explicit Histogram(std::span<const std::uint64_t> bounds);

  void observe(std::uint64_t value);
  Reading read() const;

 private:
  std::span<const std::uint64_t> bounds_;
  std::atomic<std::uint64_t> sum_ = 0;
  std::array<std::atomic<std::uint64_t>, kBoundsMax + 1> counts_{};
};

// Durations in nanoseconds, 10 microseconds to a minute.
class LatencyHistogram : public Histogram {
 public:
  LatencyHistogram();
  void observe(std::chrono::nanoseconds time) { Histogram::observe(time.count() < 0 ? 0 : static_cast<std::uint64_t>(time.count())); }
};

// Numbers of things done together, 1 to 1,024.
class SizeHistogram : public Histogram {
 public:
  SizeHistogram();
};

// Measures from its construction to stop(), or to its end: `const StageTimer timer(metrics.decode);`
class StageTimer {
 public:
  using Clock = std::chrono::steady_clock;

  explicit StageTimer(LatencyHistogram& histogram) : histogram_(&histogram) {}
  ~StageTimer() { stop(); }
  StageTimer(const StageTimer&) = delete;
  StageTimer& operator=(const StageTimer&) = delete;

  // What was until now is not measured.
  void restart() { begin_ = Clock::now(); }

  // Records once; what comes later records nothing. The time, for an answer that tells it.
  std::chrono::nanoseconds stop() {
    const auto time = Clock::now() - begin_;
    if (histogram_ != nullptr) histogram_->observe(time);
    histogram_ = nullptr;
    return time;
  }

 private:
  LatencyHistogram* histogram_;
  Clock::time_point begin_ = Clock::now();
};

// One for an engine. Any thread may read and write any of it.
struct Metrics {
  // Stages. One observation a call, as its caller lives it, waiting included.
  LatencyHistogram encode_text;   // a query's or a call's texts: tokens to embeddings, with the wait for the encoder
  LatencyHistogram encode_image;  // a batch of pixels to embeddings, with the wait for the encoder
  LatencyHistogram decode;        // one picture: file to pixels, here or on a GPU; a query's with the wait for a core and preprocessing
  LatencyHistogram preprocess;    // one picture of an ingest: pixels to the model's tensor
  LatencyHistogram thumbnail;     // one picture of an ingest: pixels to the thumbnail's file
  LatencyHistogram index_search;  // one pass over a snapshot, however many queries it has
  LatencyHistogram records;       // reading the hits' records of one search
  LatencyHistogram store_write;   // one group of requests' write, with its sync
  LatencyHistogram index_apply;   // publishing one snapshot

  // Queues: what waits now.
  Gauge decode_queue;        // pictures of batches that are being decoded
  Gauge encode_text_queue;   // texts that are at the encoder, those under way too
  Gauge encode_image_queue;  // pictures that are at the encoder, those under way too
  Gauge write_queue;         // changes that wait to be written

  // What goes to the encoder together.
  SizeHistogram text_batch;   // query texts
  SizeHistogram image_batch;  // pictures in one call of the encoder

  // The cache of query embeddings.
  Counter query_cache_hits;
  Counter query_cache_misses;
  Gauge query_cache_bytes;  // held now

  // Images of ingest requests, by what became of them; counted by http/ when it answers.
  Counter& ingested(IngestStatus status) { return ingested_[static_cast<std::size_t>(status)]; }
  const Counter& ingested(IngestStatus status) const { return ingested_[static_cast<std::size_t>(status)]; }

 private:
  std::array<Counter, 4> ingested_;
};

}  // namespace clipdex::engine

// A device that computes as a GPU with fp16 does, on the CPU.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <stop_token>
#include <utility>
#include <vector>

#include "index/accelerator.h"
#include "index/quantized_lists.h"

namespace clipdex::tests {

using namespace clipdex::index;

inline float rounded(float value) {
  __extension__ using Half = _Float16;
  return static_cast<float>(static_cast<Half>(value));
}

// What it was asked, and what it is to be like.
struct DeviceLog {
  std::atomic<std::size_t> bytes = 0, bytes_max = std::size_t{1} << 30, searches = 0, walks = 0, copies = 0;
  std::atomic<std::size_t> found_max = std::numeric_limits<std::size_t>::max();  // by a search of lists
  std::function<void()> during_search;                                           // set before there is one
  std::atomic<std::size_t> k_max = 2048;                                         // of vectors
  std::atomic<std::size_t> late = 0;  // bytes that are free, and not counted before wait_for_released()
  std::atomic<bool> frees_late = false;
  std::atomic<std::size_t> graph_bytes = 0, graphs = 0;                            // of each, and how many were built
  std::atomic<std::size_t> asked_least = std::numeric_limits<std::size_t>::max();  // rows that a search of vectors wanted
  std::atomic<bool> broken = false, busy = false, refuses = false, learns = false, takes_lists = true, builds_graphs = false;
};

inline void free_bytes(DeviceLog& log, std::size_t bytes) { log.frees_late ? log.late += bytes : log.bytes -= bytes; }

// The k best of these, as DeviceVectors::search() gives them. all: score, position.
inline void give_best(std::vector<std::pair<float, std::int64_t>>& all, std::size_t k, float* scores, std::int64_t* positions) {
  const auto better = [](const auto& a, const auto& b) { return a.first != b.first ? a.first > b.first : a.second < b.second; };
  std::partial_sort(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(std::min(k, all.size())), all.end(), better);
  for (std::size_t i = 0; i < k; ++i) {
    scores[i] = i < all.size() ? all[i].first : 0;
    positions[i] = i < all.size() ? all[i].second : -1;
  }
}

class RoundingVectors : public DeviceVectors {
 public:
  RoundingVectors(DeviceLog& log, std::size_t n, std::size_t dimension, const std::function<const float*(std::size_t)>& vector)
      : log_(log), n_(n), dimension_(dimension) {
    for (std::size_t i = 0; i < n; ++i) std::transform(vector(i), vector(i) + dimension, std::back_inserter(vectors_), rounded);
    log_.bytes += bytes();
    ++log_.copies;
  }
  ~RoundingVectors() override { free_bytes(log_, bytes()); }

  std::size_t bytes() const override { return n_ * dimension_ * 2; }
  bool usable() const override { return !log_.broken; }
  std::optional<float> score_error() const override { return 1.1e-3F; }
  std::size_t k_max() const override { return log_.k_max; }
  std::size_t candidates(std::size_t limit) const override { return limit + 32; }
  void search(std::span<const float> queries, std::size_t n, std::size_t k, float* scores, std::int64_t* positions) const override {
    if (log_.busy || log_.broken) throw std::runtime_error("the device has no scratch memory now, or has failed");
    ++log_.searches;
    log_.asked_least = std::min<std::size_t>(log_.asked_least, k);
    if (log_.during_search) log_.during_search();
    for (std::size_t q = 0; q < n; ++q) {
      std::vector<std::pair<float, std::int64_t>> all(n_);
      for (std::size_t i = 0; i < n_; ++i) {
        float sum = 0;
        for (std::size_t d = 0; d < dimension_; ++d) sum += rounded(queries[q * dimension_ + d]) * vectors_[i * dimension_ + d];
        all[i] = {sum, static_cast<std::int64_t>(i)};
      }
      give_best(all, k, scores + q * k, positions + q * k);
    }
  }

 private:
  DeviceLog& log_;
  std::size_t n_, dimension_;
  std::vector<float> vectors_;
};

// Lists of codes, compared as IvfPq compares them, but rounded.
class RoundingLists : public DeviceVectors {
 public:
  static std::size_t bytes_for(const QuantizedLists& lists) {
    return lists.n * (lists.codes_per_vector + sizeof(std::uint32_t)) + lists.centroids.size() * sizeof(float);
  }

  RoundingLists(DeviceLog& log, const QuantizedLists& lists)
      : log_(log),
        lists_(lists),
        centroids_(lists.centroids.begin(), lists.centroids.end()),
        code_centroids_(lists.code_centroids.begin(), lists.code_centroids.end()),
        list_starts_(lists.list_starts.begin(), lists.list_starts.end()),
        positions_(lists.positions.begin(), lists.positions.end()),
        codes_(lists.codes.begin(), lists.codes.end()) {
    lists_.centroids = centroids_;
    lists_.code_centroids = code_centroids_;
    lists_.list_starts = list_starts_;
    lists_.positions = positions_;
    lists_.codes = codes_;
    log_.bytes += bytes();
    ++log_.copies;
  }
  ~RoundingLists() override { free_bytes(log_, bytes()); }
  RoundingLists(const RoundingLists&) = delete;
  RoundingLists& operator=(const RoundingLists&) = delete;

  std::size_t bytes() const override { return bytes_for(lists_); }
  bool usable() const override { return !log_.broken; }
  std::optional<float> score_error() const override { return std::nullopt; }
  std::size_t k_max() const override { return 2048; }
  std::size_t candidates(std::size_t limit) const override { return refined_for(limit); }
  void search(std::span<const float> queries, std::size_t n, std::size_t k, float* scores, std::int64_t* positions) const override {
    if (log_.busy) throw std::runtime_error("the device has no scratch memory now");
    ++log_.searches;
    for (std::size_t q = 0; q < n; ++q) {
      const float* query = queries.data() + q * lists_.dimension;
      std::vector<std::pair<float, std::int64_t>> compared;
      for (const auto& [score, list] : nearest_lists(query, probes_for(k, lists_.probes, lists_.n, lists_.lists()))) {
        for (std::size_t at = list_starts_[list]; at < list_starts_[list + 1]; ++at)
          compared.emplace_back(score + code_score(query, at), positions_[at]);
      }
      give_best(compared, k, scores + q * k, positions + q * k);
      for (std::size_t i = log_.found_max; i < k; ++i) positions[q * k + i] = -1;
    }
  }

 private:
  std::vector<std::pair<float, std::size_t>> nearest_lists(const float* query, std::size_t count) const {
    std::vector<std::pair<float, std::size_t>> nearest;
    for (std::size_t list = 0; list < lists_.lists(); ++list) {
      float score = 0;
      for (std::size_t d = 0; d < lists_.dimension; ++d) score += query[d] * centroids_[list * lists_.dimension + d];
      nearest.emplace_back(score, list);
    }
    std::sort(nearest.begin(), nearest.end(), std::greater<>());
    nearest.resize(std::min(count, nearest.size()));
    return nearest;
  }
  float code_score(const float* query, std::size_t at) const {
    const std::size_t part = lists_.dimension / lists_.codes_per_vector;
    float score = 0;
    for (std::size_t d = 0; d < lists_.dimension; ++d)
      score += query[d] * rounded(code_centroids_[d * QuantizedLists::kCodes + codes_[at * lists_.codes_per_vector + d / part]]);
    return score;
  }

  DeviceLog& log_;
  QuantizedLists lists_;  // of what follows
  std::vector<float> centroids_, code_centroids_;
  std::vector<std::uint32_t> list_starts_, positions_;
  std::vector<std::uint8_t> codes_;
};

// A graph that leads everywhere but to the best vector, and is walked for so many.
class RoundingGraph : public DeviceVectors {
 public:
  static constexpr std::size_t kWalkedMax = 512;

  RoundingGraph(DeviceLog& log, std::shared_ptr<const DeviceVectors> vectors)
      : log_(log), vectors_(std::move(vectors)), graph_bytes_(log.graph_bytes) {
    log_.bytes += graph_bytes_;
    ++log_.graphs;
  }
  ~RoundingGraph() override { free_bytes(log_, graph_bytes_); }
  RoundingGraph(const RoundingGraph&) = delete;
  RoundingGraph& operator=(const RoundingGraph&) = delete;

  std::size_t bytes() const override { return vectors_->bytes() + graph_bytes_; }
  bool usable() const override { return vectors_->usable(); }
  std::optional<float> score_error() const override { return vectors_->score_error(); }
  std::size_t k_max() const override { return vectors_->k_max(); }
  std::size_t candidates(std::size_t limit) const override { return vectors_->candidates(limit); }
  void search(std::span<const float> queries, std::size_t n, std::size_t k, float* scores, std::int64_t* positions) const override {
    vectors_->search(queries, n, k, scores, positions);
  }
  void search_approximately(std::span<const float> queries, std::size_t n, std::size_t k, float* scores,
                            std::int64_t* positions) const override {
    search(queries, n, k, scores, positions);
    if (k > kWalkedMax) return;
    ++log_.walks;
    for (std::size_t q = 0; q < n; ++q) positions[q * k] = -1;
  }

 private:
  DeviceLog& log_;
  std::shared_ptr<const DeviceVectors> vectors_;
  const std::size_t graph_bytes_;
};

class RoundingDevice : public Accelerator {
 public:
  explicit RoundingDevice(DeviceLog& log) : log_(log) {}
  bool usable() const override { return !log_.broken; }
  std::size_t bytes_free() const override { return log_.bytes_max - std::min<std::size_t>(log_.bytes_max, log_.bytes); }
  std::size_t bytes_for(std::size_t n, std::size_t dimension) const override { return n * dimension * 2; }
  void wait_for_released() override { log_.bytes -= log_.late.exchange(0); }
  std::shared_ptr<const DeviceVectors> hold(std::size_t n, std::size_t dimension, const std::function<const float*(std::size_t)>& vector,
                                            const std::stop_token& /*stop*/) override {
    if (log_.learns) log_.bytes_max = log_.bytes.load();
    if (log_.refuses || bytes_for(n, dimension) > bytes_free()) return nullptr;
    return std::make_shared<const RoundingVectors>(log_, n, dimension, vector);
  }
  bool wants_graph(const DeviceVectors& /*vectors*/) const override { return log_.builds_graphs; }
  std::shared_ptr<const DeviceVectors> with_graph(std::shared_ptr<const DeviceVectors> vectors, const std::stop_token& /*stop*/) override {
    if (!log_.builds_graphs || log_.graph_bytes > bytes_free()) return vectors;
    return std::make_shared<const RoundingGraph>(log_, std::move(vectors));
  }
  std::optional<std::size_t> bytes_for_lists(const QuantizedLists& lists) const override {
    if (!log_.takes_lists) return std::nullopt;
    return RoundingLists::bytes_for(lists);
  }
  std::shared_ptr<const DeviceVectors> hold_lists(const QuantizedLists& lists, const std::stop_token& /*stop*/) override {
    if (!log_.takes_lists || RoundingLists::bytes_for(lists) > bytes_free()) return nullptr;
    return std::make_shared<const RoundingLists>(log_, lists);
  }

 private:
  DeviceLog& log_;
};

}  // namespace clipdex::tests

// An approximate structure over the vectors of one immutable segment. Private to index/.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "index/quantized_lists.h"
#include "index/scan.h"
#include "index/scan_thresholds.h"

namespace clipdex::index {

// It holds no vectors of its own: every search is given those it was built on, which are unit length and 64-byte aligned.
// Immutable but for what it counts: any number of threads may search it at once.
class Approximation {
 public:
  virtual ~Approximation() = default;

  virtual std::string_view type() const = 0;
  // A JSON object: what it was built with and what a search does unless told otherwise.
  virtual std::string parameters() const = 0;
  virtual std::size_t memory_bytes() const = 0;

  // As scan(), but most of the best rows instead of all of them: the scores are exact, and there are `limit` rows if so many live and
  // allowed ones are found. Where that is quicker (few rows pass the filter, or the limit is a large part of
  // them) it is a scan. effort: how many candidates (HNSW: efSearch) or lists (IVF: nprobe) are looked at; 0 leaves it to the structure.
  // One query runs on the calling thread; more of them are divided among a SearchTeam.
  virtual void search(const ScanInput& segment, std::span<const float> queries, std::size_t n, std::size_t limit, std::size_t effort,
                      std::vector<std::vector<Hit>>& hits) const = 0;

  // What a device can take over of it; a view, for as long as this lives. Nothing: no device can.
  virtual std::optional<QuantizedLists> quantized_lists() const { return std::nullopt; }

  // What read_approximation() reads. A stream that fails is the caller's to notice.
  virtual void write(std::ostream& out) const = 0;

  // How many queries it has answered without a scan, since it was built or read.
  std::uint64_t answered() const { return answered_.load(std::memory_order_relaxed); }

 protected:
  // For each of these.
  void count_answer() const { answered_.fetch_add(1, std::memory_order_relaxed); }

 private:
  mutable std::atomic<std::uint64_t> answered_ = 0;
};

inline constexpr std::string_view kHnsw = "hnsw";
inline constexpr std::string_view kIvfPq = "ivf_pq";

struct BuildInput {
  const float* vectors = nullptr;  // [n, dimension]
  std::size_t n = 0;
  std::size_t dimension = 0;
  int threads = 1;
  std::stop_token stop;
  ScanThresholds thresholds;
};

// type: kHnsw or kIvfPq. nullptr: it was stopped, which is noticed within seconds. Throws std::invalid_argument for another type and for
// no vectors at all; n may be as small as 1.
std::unique_ptr<const Approximation> build_approximation(std::string_view type, const BuildInput& input);

// bytes: what write() wrote for n vectors of this dimension; they are copied. Throws std::runtime_error, which says what is wrong, if they
// cannot be that. Bytes that were damaged are the caller's to find, by a checksum: sizes and positions are checked, so that a search of
// whatever was read stays within bounds, and nothing else is.
std::unique_ptr<const Approximation> read_approximation(std::string_view type, std::span<const std::byte> bytes, std::size_t n,
                                                        std::size_t dimension, const ScanThresholds& thresholds = {});

// What memory_bytes() of a structure over so many vectors will be, about.
std::size_t expected_memory_bytes(std::string_view type, std::size_t n, std::size_t dimension, const ScanThresholds& thresholds = {});

}  // namespace clipdex::index

// A device that keeps copies of segments and searches them faster than the CPU can.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

namespace clipdex::index {

struct QuantizedLists;

// One segment's vectors, or their codes, on a device. Immutable: any thread may search it, also beside others; the device takes them one
// after the other.
class DeviceVectors {
 public:
  virtual ~DeviceVectors() = default;

  virtual std::size_t bytes() const = 0;  // of the device's memory
  // False for ever once the device has failed.
  virtual bool usable() const = 0;
  // How far a score of the device's is from the exact one at most, for vectors of unit length. Nothing: no bound is known, or not every
  // vector is compared (codes, graphs), so that no search there proves what is best.
  virtual std::optional<float> score_error() const = 0;
  // Of search().
  virtual std::size_t k_max() const = 0;
  // How many are to be asked for at first where the `limit` best are wanted: more, since the device's scores are not the exact ones.
  virtual std::size_t candidates(std::size_t limit) const = 0;
  // How many calls of search() it can use at the same time; more of them wait for each other.
  virtual std::size_t searches_at_once() const { return 1; }

  // queries: [n, dimension]. For each its k best positions by the device's own scores, best first; scores, positions: [n, k]. Behind the
  // last vector's: position -1. Nothing is left out: who deletes or filters asks for more and does that itself. Throws std::runtime_error
  // if the device cannot do it now, or has failed.
  virtual void search(std::span<const float> queries, std::size_t n, std::size_t k, float* scores, std::int64_t* positions) const = 0;
  // As search(), where most of the best are enough: a graph is walked if there is one.
  virtual void search_approximately(std::span<const float> queries, std::size_t n, std::size_t k, float* scores,
                                    std::int64_t* positions) const {
    search(queries, n, k, scores, positions);
  }
};

// Copies that were let go of, and that searches still hold. Any thread may call it.
class LeavingCopies {
 public:
  // Expires when nobody holds the copy any more.
  void add(std::weak_ptr<const void> copy);
  // Forgets those that have expired.
  bool any();

 private:
  std::mutex mutex_;
  std::vector<std::weak_ptr<const void>> copies_;
};

// Any thread may call it.
class Accelerator {
 public:
  virtual ~Accelerator() = default;

  // Of all indexes that have copies here.
  LeavingCopies& leaving() { return leaving_; }

  virtual bool usable() const = 0;  // as DeviceVectors'
  // Of its memory, that are still free for vectors.
  virtual std::size_t bytes_free() const = 0;
  // What so many vectors take.
  virtual std::size_t bytes_for(std::size_t n, std::size_t dimension) const = 0;

  // Waits, for a moment, until bytes_free() counts what was let go of before.
  virtual void wait_for_released() {}

  // A copy of n vectors of this dimension, which stays until the last user has let go; vector(i): the i-th one. Searches of other copies go
  // on meanwhile. nullptr: there is no room, the device has failed, or it was stopped.
  virtual std::shared_ptr<const DeviceVectors> hold(std::size_t n, std::size_t dimension,
                                                    const std::function<const float*(std::size_t)>& vector,
                                                    const std::stop_token& stop) = 0;
  // Whether with_graph() would build one over these if there were room.
  virtual bool wants_graph(const DeviceVectors& /*vectors*/) const { return false; }
  // The same copy with a graph over its vectors for search_approximately(), which takes minutes where there are millions; searches go on
  // meanwhile. The copy as it is: no graph is wanted, there is no room, or it was stopped.
  virtual std::shared_ptr<const DeviceVectors> with_graph(std::shared_ptr<const DeviceVectors> vectors, const std::stop_token& /*stop*/) {
    return vectors;
  }

  // What such codes take; nothing: it cannot search them.
  virtual std::optional<std::size_t> bytes_for_lists(const QuantizedLists& lists) const = 0;
  // As hold(), a copy of codes; other searches wait for it, which may take some seconds of very many. A position that search() returns is
  // the vector's number in the segment that the codes are of.
  virtual std::shared_ptr<const DeviceVectors> hold_lists(const QuantizedLists& lists, const std::stop_token& stop) = 0;

 private:
  LeavingCopies leaving_;
};

struct AcceleratorOptions {
  int device = 0;                        // the GPU's number
  std::optional<std::size_t> bytes_max;  // of its memory, for vectors; otherwise half of what is free now
  bool half = true;                      // fp16 there; hits are scored with the exact vectors in any case
  bool graph = false;                    // over many vectors, for searches that are not exact; needs a FAISS with cuVS
  // Called once, from any thread, when the device fails: searches go on with the CPU.
  std::function<void(const std::string& reason)> on_failure;
};

// nullptr where this clipdex is built without GPUs. Throws std::runtime_error for a device that cannot be used, and for what it was asked
// and this build has not.
std::shared_ptr<Accelerator> make_accelerator(const AcceleratorOptions& options);

}  // namespace clipdex::index

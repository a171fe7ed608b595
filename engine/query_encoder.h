// Texts that people search for, as embeddings. Private to engine/.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "engine/lru_cache.h"
#include "engine/metrics.h"
#include "engine/model.h"

namespace clipdex::engine {

// Remembers what was asked lately. Queries that come while the encoder computes are encoded together as soon as it is free: nobody waits for
// company, and a burst costs a few steps. Any thread may call it.
class QueryEncoder {
 public:
  using Embedding = std::shared_ptr<const std::vector<float>>;  // of unit length

  // `metrics` must outlive it.
  QueryEncoder(std::shared_ptr<const ClipEncoder> encoder, std::size_t cache_bytes, Metrics& metrics)
      : encoder_(std::move(encoder)), metrics_(metrics), cache_(cache_bytes) {}

  // One a text, in order. Throws as ClipEncoder::tokenize() does.
  std::vector<Embedding> encode(std::span<const std::string> texts);

 private:
  // A caller's texts that are to be encoded; lives on its stack.
  struct Waiting {
    std::vector<std::vector<std::int32_t>> tokens;
    std::vector<Embedding> embeddings;  // as many, when done
    std::exception_ptr error;
    bool done = false;
  };

  void encode(Waiting& mine);
  void encode_together(std::span<Waiting* const> group) noexcept;

  std::shared_ptr<const ClipEncoder> encoder_;
  Metrics& metrics_;
  LruCache<Embedding> cache_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Waiting*> waiting_;
  bool encoding_ = false;  // by one of the callers, for itself and others
};

}  // namespace clipdex::engine

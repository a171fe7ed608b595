// Texts that people search for, as embeddings. Private to engine/.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/lru_cache.h"
#include "engine/metrics.h"
#include "engine/model.h"
#include "engine/waiting_line.h"

namespace clipdex::engine {

// Remembers what was asked lately. Queries that come while the encoder computes are encoded together as soon as it is free: nobody waits
// for company, a burst costs a few steps, and a call with very many texts lets others pass between them. Any thread may call it.
class QueryEncoder {
 public:
  using Embedding = std::shared_ptr<const std::vector<float>>;  // of unit length

  // `metrics` must outlive it.
  QueryEncoder(std::shared_ptr<const ClipEncoder> encoder, std::size_t cache_bytes, Metrics& metrics)
      : encoder_(std::move(encoder)), metrics_(metrics), cache_(cache_bytes) {}

  // One a text, in order. Throws as ClipEncoder::tokenize() does.
  std::vector<Embedding> encode(std::span<const std::string> texts);

 private:
  // A caller's texts that are to be encoded.
  struct Waiting : WaitingCaller {
    std::vector<std::vector<std::int32_t>> tokens;
    std::vector<Embedding> embeddings;  // as many, when done
  };

  void encode(Waiting& mine);
  void encode_together(std::span<Waiting* const> group) noexcept;

  std::shared_ptr<const ClipEncoder> encoder_;
  Metrics& metrics_;
  LruCache<Embedding> cache_;
  WaitingLine<Waiting> line_;
};

}  // namespace clipdex::engine

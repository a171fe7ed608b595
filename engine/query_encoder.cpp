#include "engine/query_encoder.h"

#include <algorithm>
#include <utility>

namespace clipdex::engine {

std::vector<QueryEncoder::Embedding> QueryEncoder::encode(std::span<const std::string> texts) {
  std::vector<Embedding> embeddings(texts.size());
  std::vector<std::string> missing;
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (auto known = cache_.get(texts[i])) {
      embeddings[i] = std::move(*known);
    } else {
      missing.push_back(texts[i]);
      places.push_back(i);
    }
  }
  metrics_.query_cache_hits.add(texts.size() - missing.size());
  metrics_.query_cache_misses.add(missing.size());
  if (missing.empty()) return embeddings;
  Waiting mine;
  mine.tokens = encoder_->tokenize(missing);
  encode(mine);
  for (std::size_t i = 0; i < places.size(); ++i) {
    embeddings[places[i]] = mine.embeddings[i];
    cache_.put(std::move(missing[i]), mine.embeddings[i], encoder_->dimension() * sizeof(float));
  }
  metrics_.query_cache_bytes.set(static_cast<std::int64_t>(cache_.bytes()));
  return embeddings;
}

// Whoever finds nobody encoding encodes all that wait, itself included; the others find theirs done, or one of them goes on.
void QueryEncoder::encode(Waiting& mine) {
  const StageTimer timer(metrics_.encode_text);
  const GaugeHold queued(metrics_.encode_text_queue, static_cast<std::int64_t>(mine.tokens.size()));
  std::unique_lock lock(mutex_);
  waiting_.push_back(&mine);
  changed_.wait(lock, [&] { return mine.done || !encoding_; });
  if (!mine.done) {
    const std::vector<Waiting*> group(waiting_.begin(), waiting_.end());
    waiting_.clear();
    encoding_ = true;
    lock.unlock();
    encode_together(group);
    lock.lock();
    for (auto* one : group) one->done = true;
    encoding_ = false;
    changed_.notify_all();
  }
  lock.unlock();
  if (mine.error) std::rethrow_exception(mine.error);
}

void QueryEncoder::encode_together(std::span<Waiting* const> group) noexcept {
  try {
    std::vector<std::vector<std::int32_t>> tokens;
    for (auto* one : group) std::move(one->tokens.begin(), one->tokens.end(), std::back_inserter(tokens));
    metrics_.text_batch.observe(tokens.size());
    const auto encoded = encoder_->encode_tokens(tokens);
    std::size_t row = 0;
    for (auto* one : group) {
      for (std::size_t i = 0; i < one->tokens.size(); ++i, ++row) {
        const auto values = encoded.row(row);
        one->embeddings.push_back(std::make_shared<const std::vector<float>>(values.begin(), values.end()));
      }
    }
  } catch (...) {
    for (auto* one : group) one->error = std::current_exception();
  }
}

}  // namespace clipdex::engine

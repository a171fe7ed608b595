#include "engine/query_encoder.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace clipdex::engine {
namespace {

// That are encoded before others have their turn.
constexpr std::size_t kTextsPerTurn = 64;

}  // namespace

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
  auto tokens = encoder_->tokenize(missing);
  for (std::size_t begin = 0; begin < tokens.size(); begin += kTextsPerTurn) {
    const std::size_t end = std::min(begin + kTextsPerTurn, tokens.size());
    Waiting mine;
    mine.tokens.assign(std::make_move_iterator(tokens.begin() + static_cast<std::ptrdiff_t>(begin)),
                       std::make_move_iterator(tokens.begin() + static_cast<std::ptrdiff_t>(end)));
    encode(mine);
    for (std::size_t i = begin; i < end; ++i) {
      embeddings[places[i]] = mine.embeddings[i - begin];
      cache_.put(std::move(missing[i]), embeddings[places[i]], encoder_->dimension() * sizeof(float));
    }
  }
  metrics_.query_cache_bytes.set(static_cast<std::int64_t>(cache_.bytes()));
  return embeddings;
}

void QueryEncoder::encode(Waiting& mine) {
  const StageTimer timer(metrics_.encode_text);
  const GaugeHold queued(metrics_.encode_text_queue, static_cast<std::int64_t>(mine.tokens.size()));
  const auto as_many_as_fit = [](const auto& line) {
    std::size_t callers = 0, texts = 0;
    do {
      texts += line[callers++]->tokens.size();
    } while (callers < line.size() && texts + line[callers]->tokens.size() <= kTextsPerTurn);
    return callers;
  };
  line_.pass(mine, as_many_as_fit, [this](std::span<Waiting* const> group) { encode_together(group); });
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

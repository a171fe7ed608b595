#include "benchmarks/ingest_parts.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <thread>
#include <utility>

#include "benchmarks/repeated_runs.h"

namespace clipdex::benchmarks {
namespace {

using Clock = std::chrono::steady_clock;

// Seconds of `work(i)` for i below `count` by one thread a core.
double on_cores(int cores, std::size_t count, const std::function<void(std::size_t)>& work) {
  std::atomic<std::size_t> next = 0;
  const auto start = Clock::now();
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < cores; ++i) {
      threads.emplace_back([&] {
        for (std::size_t at = next++; at < count; at = next++) work(at);
      });
    }
  }
  return seconds_since(start);
}

}  // namespace

IngestParts measure_ingest_parts(const engine::ClipEncoder& encoder, const std::vector<engine::IngestItem>& items, std::size_t batch) {
  const int cores = encoder.cores().cores();
  auto reduced = engine::reduced_decoding(encoder.preprocessing());
  reduced.longer_side_min = std::max(reduced.longer_side_min, engine::ThumbnailOptions{}.side_max);
  const std::size_t count = std::min(items.size(), 8 * batch);
  const auto each = static_cast<double>(count);
  std::vector<engine::Image> images(count);
  std::vector<engine::ImageBatch> batches;
  for (std::size_t from = 0; from < count; from += batch) batches.push_back(encoder.image_batch(std::min(batch, count - from)));
  IngestParts parts;
  const auto decode = [&](std::size_t i) {
    const auto& bytes = items[i].bytes;
    images[i] = engine::decode_image({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}, {}, reduced);
  };
  on_cores(cores, count, decode);  // warms up
  parts.decode = on_cores(cores, count, decode) / each;
  parts.thumbnail = on_cores(cores, count, [&](std::size_t i) { engine::make_thumbnail(images[i]); }) / each;
  parts.preprocess = on_cores(cores, count, [&](std::size_t i) { batches[i / batch].set(i % batch, std::move(images[i])); }) / each;
  const auto encode = [&](const engine::ImageBatch& some) {
    encoder.encode_image_batch(some, /*normalize=*/true, engine::Urgency::kBatch);
  };
  encode(batches.front());
  const auto start = Clock::now();
  for (const auto& some : batches) encode(some);
  parts.encode = seconds_since(start) / each;
  return parts;
}

IngestParts better_of(const IngestParts& a, const IngestParts& b) {
  return {.decode = std::min(a.decode, b.decode),
          .preprocess = std::min(a.preprocess, b.preprocess),
          .thumbnail = std::min(a.thumbnail, b.thumbnail),
          .encode = std::min(a.encode, b.encode)};
}

}  // namespace clipdex::benchmarks

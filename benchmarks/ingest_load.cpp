#include "benchmarks/ingest_load.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>

#include "benchmarks/photo.h"
#include "benchmarks/repeated_runs.h"

namespace clipdex::benchmarks {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kDistinct = 32;

}  // namespace

// What comes behind a JPEG's end is no part of the picture.
std::vector<engine::IngestItem> make_ingest_items(std::size_t count) {
  std::vector<std::string> files;
  for (std::size_t i = 0; i < kDistinct; ++i) {
    constexpr Subject kSubjects[] = {Subject::kLandscape, Subject::kFoliage, Subject::kPortrait, Subject::kPage};
    const auto rgb = photo(kFileWidth, kFileHeight, kSubjects[i % 4], static_cast<std::uint32_t>(i));
    engine::Image picture{.width = kFileWidth, .height = kFileHeight, .channels = 3};
    picture.pixels.assign(rgb.begin(), rgb.end());
    files.push_back(engine::make_thumbnail(picture, {.side_max = kFileWidth, .quality = 85}));
  }
  std::vector<engine::IngestItem> items(count);
  for (std::size_t i = 0; i < count; ++i) {
    const auto name = std::to_string(i);
    items[i] = {.id = name, .bytes = files[i % kDistinct] + name, .source = name, .metadata = {}};
  }
  return items;
}

void ingest_all(engine::Collection& collection, const std::vector<engine::IngestItem>& items, const IngestClients& by) {
  std::atomic<std::size_t> next = 0, created = 0;
  std::vector<std::jthread> clients;
  for (std::size_t client = 0; client < by.clients; ++client) {
    clients.emplace_back([&] {
      for (std::size_t from = next.fetch_add(by.per_request); from < items.size(); from = next.fetch_add(by.per_request)) {
        const auto part = std::span(items).subspan(from, std::min(by.per_request, items.size() - from));
        for (const auto& result : collection.ingest(part)) created += result.status == engine::IngestStatus::kCreated ? 1 : 0;
      }
    });
  }
  clients.clear();
  if (created != items.size()) throw std::runtime_error("some pictures were not ingested");
}

QueryWaits query_while(const engine::Collection& collection, const std::function<bool()>& going) {
  std::vector<double> ms;
  static std::atomic<int> number = 0;
  do {
    const auto start = Clock::now();
    collection.search({.query = engine::TextQuery{"a photo of a red apple " + std::to_string(number++)}});
    ms.push_back(seconds_since(start) * 1e3);
  } while (going());
  std::sort(ms.begin(), ms.end());
  const auto at = [&](double share) { return ms[static_cast<std::size_t>(share * static_cast<double>(ms.size() - 1))]; };
  return {.p50 = at(0.5), .p99 = at(0.99), .most = ms.back()};
}

void run_beside_queries(engine::Collection& collection, std::vector<engine::IngestItem> items, const IngestClients& by) {
  const auto alone_until = Clock::now() + std::chrono::seconds(3);
  const auto alone = query_while(collection, [&] { return Clock::now() < alone_until; });
  for (auto& item : items) {
    *item.id += "-again";
    item.bytes += "-again";
  }
  QueryWaits beside;
  double seconds = 0;
  {
    std::jthread asking([&](const std::stop_token& stop) { beside = query_while(collection, [&] { return !stop.stop_requested(); }); });
    const auto start = Clock::now();
    ingest_all(collection, items, by);
    seconds = seconds_since(start);
  }
  std::printf("  a text query alone: p50 %.2f ms, p99 %.2f; beside the ingest (%.1f images/s then): p50 %.2f ms, p99 %.2f, at most %.1f\n",
              alone.p50, alone.p99, static_cast<double>(items.size()) / seconds, beside.p50, beside.p99, beside.most);
}

}  // namespace clipdex::benchmarks

// Does an ingest take longer than its parts? JPEG files go through the whole engine (four requests of 64 at a time, durable when answered),
// and through decoding, preprocessing, thumbnails and the encoder one after the other, each with all cores and nothing beside it: what
// they take together is the limit. And how long a text query takes beside an ingest. Usage: ingest_bench [MODEL...], MODEL of emoji-clip
// (the built-in one), ViT-B-32.
#include <spdlog/spdlog.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "benchmarks/photo.h"
#include "benchmarks/random_checkpoint.h"
#include "engine/engine.h"

namespace {

using namespace clipdex;
namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr int kWidth = 1200, kHeight = 900;
constexpr std::size_t kDistinct = 32, kPerRequest = 64, kClients = 4, kEncoderBatch = 32;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// Of all threads of this process.
double core_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) { return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6; };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// Each file's bytes are its own, so that none is known already; what comes behind a JPEG's end is no part of the picture.
std::vector<engine::IngestItem> make_items(std::size_t count) {
  std::vector<std::string> files;
  for (std::size_t i = 0; i < kDistinct; ++i) {
    using benchmarks::Subject;
    constexpr Subject kSubjects[] = {Subject::kLandscape, Subject::kFoliage, Subject::kPortrait, Subject::kPage};
    const auto rgb = benchmarks::photo(kWidth, kHeight, kSubjects[i % 4], static_cast<std::uint32_t>(i));
    engine::Image picture{.width = kWidth, .height = kHeight, .channels = 3};
    picture.pixels.assign(rgb.begin(), rgb.end());
    files.push_back(engine::make_thumbnail(picture, {.side_max = kWidth, .quality = 85}));
  }
  std::vector<engine::IngestItem> items(count);
  for (std::size_t i = 0; i < count; ++i) {
    const auto name = std::to_string(i);
    items[i] = {.id = name, .bytes = files[i % kDistinct] + name, .source = name, .metadata = {}};
  }
  return items;
}

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

struct Parts {
  double decode = 0, preprocess = 0, thumbnail = 0, encode = 0;  // seconds of an image, with all cores
  double sum() const { return decode + preprocess + thumbnail + encode; }
};

Parts measure_parts(const engine::ClipEncoder& encoder, const std::vector<engine::IngestItem>& items) {
  const auto& preprocessing = encoder.preprocessing();
  const int cores = encoder.cores().cores();
  auto reduced = engine::reduced_decoding(preprocessing);
  reduced.longer_side_min = std::max(reduced.longer_side_min, engine::ThumbnailOptions{}.side_max);
  const std::size_t count = std::min<std::size_t>(items.size(), 256);
  const auto each = static_cast<double>(count);
  const auto values = std::size_t{3} * static_cast<std::size_t>(preprocessing.width * preprocessing.height);
  std::vector<engine::Image> images(count);
  std::vector<float> pixels(count * values);
  Parts parts;
  const auto decode = [&](std::size_t i) {
    const auto& bytes = items[i].bytes;
    images[i] = engine::decode_image({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}, {}, reduced);
  };
  on_cores(cores, count, decode);  // warms up
  parts.decode = on_cores(cores, count, decode) / each;
  parts.preprocess =
      on_cores(cores, count, [&](std::size_t i) { engine::preprocess_into(images[i], preprocessing, pixels.data() + i * values); }) / each;
  parts.thumbnail = on_cores(cores, count, [&](std::size_t i) { engine::make_thumbnail(images[i]); }) / each;
  const auto encode = [&](std::size_t from) {
    const auto n = std::min(kEncoderBatch, count - from);
    encoder.encode_pixels(std::span<const float>(pixels).subspan(from * values, n * values), n);
  };
  encode(0);
  const auto start = Clock::now();
  for (std::size_t from = 0; from < count; from += kEncoderBatch) encode(from);
  parts.encode = seconds_since(start) / each;
  return parts;
}

void ingest(engine::Collection& collection, const std::vector<engine::IngestItem>& items) {
  std::atomic<std::size_t> next = 0;
  std::atomic<std::size_t> created = 0;
  std::vector<std::jthread> clients;
  for (std::size_t client = 0; client < kClients; ++client) {
    clients.emplace_back([&] {
      for (std::size_t from = next.fetch_add(kPerRequest); from < items.size(); from = next.fetch_add(kPerRequest)) {
        const auto part = std::span(items).subspan(from, std::min(kPerRequest, items.size() - from));
        for (const auto& result : collection.ingest(part)) created += result.status == engine::IngestStatus::kCreated ? 1 : 0;
      }
    });
  }
  clients.clear();
  if (created != items.size()) throw std::runtime_error("some pictures were not ingested");
}

struct Waits {
  double p50 = 0, p99 = 0, most = 0;  // ms
};

// Text queries, one after the other, as long as `going` says; at least one.
Waits query_meanwhile(const engine::Collection& collection, const std::function<bool()>& going) {
  std::vector<double> ms;
  static std::atomic<int> number = 0;  // none is in the cache
  do {
    const auto start = Clock::now();
    collection.search({.query = engine::TextQuery{"a photo of a red apple " + std::to_string(number++)}});
    ms.push_back(seconds_since(start) * 1e3);
  } while (going());
  std::sort(ms.begin(), ms.end());
  const auto at = [&](double share) { return ms[static_cast<std::size_t>(share * static_cast<double>(ms.size() - 1))]; };
  return {.p50 = at(0.5), .p99 = at(0.99), .most = ms.back()};
}

// Pictures that are not there yet, while somebody searches.
void run_beside_queries(engine::Collection& collection, std::vector<engine::IngestItem> items) {
  const auto alone_until = Clock::now() + std::chrono::seconds(3);
  const auto alone = query_meanwhile(collection, [&] { return Clock::now() < alone_until; });
  for (auto& item : items) {
    *item.id += "-again";
    item.bytes += "-again";
  }
  Waits beside;
  double seconds = 0;
  {
    std::jthread asking([&](const std::stop_token& stop) { beside = query_meanwhile(collection, [&] { return !stop.stop_requested(); }); });
    const auto start = Clock::now();
    ingest(collection, items);
    seconds = seconds_since(start);
  }
  std::printf("  a text query alone: p50 %.1f ms, p99 %.1f; beside the ingest (%.1f images/s then): p50 %.1f ms, p99 %.1f, at most %.1f\n",
              alone.p50, alone.p99, static_cast<double>(items.size()) / seconds, beside.p50, beside.p99, beside.most);
}

void run(const std::string& name, const fs::path& model, std::size_t count, const fs::path& data) {
  const auto items = make_items(count);
  engine::Engine engine({.data_directory = data, .model = model});
  const auto collection = engine.create_collection("bench", {}).first;
  const auto before = measure_parts(engine.encoder(), items);
  const auto start = Clock::now();
  const double cores_before = core_seconds();
  ingest(*collection, items);
  const double seconds = seconds_since(start), busy = core_seconds() - cores_before;
  const auto after = measure_parts(engine.encoder(), items);
  // The better of both: the machine may have been busy with something else.
  const Parts parts{.decode = std::min(before.decode, after.decode),
                    .preprocess = std::min(before.preprocess, after.preprocess),
                    .thumbnail = std::min(before.thumbnail, after.thumbnail),
                    .encode = std::min(before.encode, after.encode)};
  const double each = seconds / static_cast<double>(count);
  const double write = static_cast<double>(engine.metrics().store_write.read().sum + engine.metrics().index_apply.read().sum) / 1e9 /
                       static_cast<double>(count);
  const double cores = engine.encoder().cores().cores();
  std::printf("%s, %zu JPEG files of %d x %d, %.0f KB each\n", name.c_str(), count, kWidth, kHeight,
              static_cast<double>(items[0].bytes.size()) / 1e3);
  std::printf(
      "  ingest      %8.1f images/s, %.2f of what decoding, preprocessing, thumbnails and the encoder alone allow; %.2f of %.0f cores\n",
      1 / each, parts.sum() / each, busy / seconds, cores);
  const auto print = [&](const char* what, double part) {
    std::printf("  %-11s %8.3f ms an image with all cores, %5.1f %%\n", what, part * 1e3, 100 * part / (parts.sum() + write));
  };
  print("decode", parts.decode);
  print("preprocess", parts.preprocess);
  print("thumbnail", parts.thumbnail);
  print("encode", parts.encode);
  print("write", write);
  run_beside_queries(*collection, items);
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> names(argv + 1, argv + argc);
  const auto wanted = [&](const std::string& name) { return names.empty() || std::find(names.begin(), names.end(), name) != names.end(); };
  spdlog::set_level(spdlog::level::warn);
  // Beside the build: /tmp may be memory, which is not what a disk is measured with.
  const auto root = fs::path(CLIPDEX_BINARY_DIR) / "ingest_bench_data";
  fs::remove_all(root);
  int code = EXIT_SUCCESS;
  try {
    if (wanted("emoji-clip")) run("emoji-clip", fs::path(CLIPDEX_SOURCE_DIR) / "models/emoji-clip", 2048, root / "small");
    if (wanted("ViT-B-32")) {
      benchmarks::write_random_checkpoint(benchmarks::vit_b_32(), root / "model");
      run("ViT-B-32", root / "model", 512, root / "large");
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "ingest_bench: %s\n", error.what());
    code = EXIT_FAILURE;
  }
  fs::remove_all(root);
  return code;
}

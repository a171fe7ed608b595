#include "benchmarks/gpu_ingest.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <iterator>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "benchmarks/ingest_load.h"
#include "benchmarks/ingest_parts.h"
#include "benchmarks/repeated_runs.h"
#include "engine/engine.h"

namespace clipdex::benchmarks {
namespace {

constexpr std::size_t kFiles = 8192;
// Vectors that are there before, so that queries have something to search on the GPU.
constexpr std::size_t kVectors = 250'000;
// Enough under way for a GPU's steps, which take more pictures than the CPU's.
constexpr IngestClients kClients{.clients = 8, .per_request = 256};
constexpr std::size_t kEncoderBatch = 256;

// What the engine has counted, in seconds: of all threads, one added to the other.
struct StageSeconds {
  double decode = 0, preprocess = 0, thumbnail = 0, encode = 0, write = 0;

  double on_cores() const { return decode + preprocess + thumbnail; }
};

StageSeconds read(const engine::Metrics& metrics) {
  const auto seconds = [](const engine::Histogram& histogram) { return static_cast<double>(histogram.read().sum) / 1e9; };
  return {.decode = seconds(metrics.decode),
          .preprocess = seconds(metrics.preprocess),
          .thumbnail = seconds(metrics.thumbnail),
          .encode = seconds(metrics.encode_image),
          .write = seconds(metrics.store_write) + seconds(metrics.index_apply)};
}

// The stages work beside each other: the longest of them, alone, is what an ingest takes at least.
void print_limit(double each, const IngestParts& parts, double write, int cores) {
  const std::pair<const char*, double> stages[] = {
      {"the cores (decode, preprocess, thumbnail)", parts.on_cores()}, {"the encoder on the GPU", parts.encode}, {"writing", write}};
  const auto& longest =
      *std::max_element(std::begin(stages), std::end(stages), [](const auto& a, const auto& b) { return a.second < b.second; });
  std::printf("  limited by %s, which alone would take %.0f images/s: %.2f of that\n", longest.first, 1 / longest.second,
              longest.second / each);
  const auto print = [](const char* what, double part) {
    std::printf("    %-11s %8.3f ms an image, %8.0f images/s\n", what, part * 1e3, 1 / part);
  };
  std::printf("  alone, with all %d cores where cores do it:\n", cores);
  print("decode", parts.decode);
  print("preprocess", parts.preprocess);
  print("thumbnail", parts.thumbnail);
  print("encode", parts.encode);
  print("write", write);
}

// Seconds of a picture. The engine's counters say how busy each stage was: of the encoder as its callers live it, who wait for each other.
double ingest(engine::Engine& engine, engine::Collection& collection, const std::vector<engine::IngestItem>& items, double& write) {
  const auto before = read(engine.metrics());
  const auto start = std::chrono::steady_clock::now();
  ingest_all(collection, items, kClients);
  const double seconds = seconds_since(start);
  const auto after = read(engine.metrics());
  const double cores = engine.encoder().cores().cores();
  write = (after.write - before.write) / static_cast<double>(items.size());
  std::printf(
      "  ingest %8.1f images/s; meanwhile cores in its stages %.2f of %.0f, batches at or before the encoder %.2f, writing %.2f of the "
      "time\n",
      static_cast<double>(items.size()) / seconds, (after.on_cores() - before.on_cores()) / seconds, cores,
      (after.encode - before.encode) / seconds, (after.write - before.write) / seconds);
  return seconds / static_cast<double>(items.size());
}

// Returns when the background has nothing more to do.
void import_vectors(engine::Collection& collection, std::size_t dimension) {
  constexpr std::size_t kPerRequest = 1000;
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  for (std::size_t first = 0; first < kVectors; first += kPerRequest) {
    std::vector<engine::VectorItem> items(kPerRequest);
    for (std::size_t i = 0; i < kPerRequest; ++i) {
      items[i].id = "vector-" + std::to_string(first + i);
      items[i].embedding.resize(dimension);
      for (auto& value : items[i].embedding) value = normal(random);
    }
    collection.import_vectors(items);
  }
  collection.finish_upkeep();
  const auto statistics = collection.statistics();
  std::printf("  a collection of %zu vectors, of which the GPU has %.0f MB: %s\n", kVectors,
              static_cast<double>(statistics.index_device_bytes) / 1e6, statistics.index_explanation.c_str());
}

engine::EngineOptions options(const std::filesystem::path& model, const std::filesystem::path& data, int device, bool decodes) {
  engine::EngineOptions options;
  options.data_directory = data;
  options.model = model;
  options.encoder.device = "cuda:" + std::to_string(device);
  options.encoder.device_decoding = decodes;
  options.encoder.on_decoder_failure = [](const std::string& reason) { std::printf("  the CPU decodes: %s\n", reason.c_str()); };
  return options;
}

}  // namespace

void measure_ingest(const RandomCheckpoint& model, const std::filesystem::path& model_directory, const std::filesystem::path& data,
                    int device) {
  spdlog::set_level(spdlog::level::warn);
  const auto items = make_ingest_items(kFiles);
  std::printf("\n%s through the engine: %zu JPEG files of %d x %d, %.0f KB each, %zu requests of %zu at a time\n", model.name.c_str(),
              items.size(), kFileWidth, kFileHeight, static_cast<double>(items[0].bytes.size()) / 1e3, kClients.clients,
              kClients.per_request);
  double write = 0;
  {
    engine::Engine engine(options(model_directory, data / "decoded_by_cpu", device, /*decodes=*/false));
    const auto collection = engine.create_collection("bench", {}).first;
    import_vectors(*collection, engine.encoder().dimension());
    const auto before = measure_ingest_parts(engine.encoder(), items, kEncoderBatch);
    const double each = ingest(engine, *collection, items, write);
    const auto after = measure_ingest_parts(engine.encoder(), items, kEncoderBatch);
    print_limit(each, better_of(before, after), write, engine.encoder().cores().cores());
    collection->finish_upkeep();
    run_beside_queries(*collection, items, kClients);
  }
  engine::Engine engine(options(model_directory, data / "decoded_by_gpu", device, /*decodes=*/true));
  if (engine.encoder().pictures_on_device() == 0) {
    std::printf("  decoding by the GPU skipped: there is no nvJPEG here\n");
    return;
  }
  std::printf("  with JPEGs decoded by the GPU, too:\n");
  ingest(engine, *engine.create_collection("bench", {}).first, items, write);
}

}  // namespace clipdex::benchmarks

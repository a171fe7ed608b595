// Does an ingest take longer than its parts? JPEG files go through the whole engine (four requests of 64 at a time, durable when answered),
// and through decoding, preprocessing, thumbnails and the encoder one after the other, each with all cores and nothing beside it: what
// they take together is the limit. And how long a text query takes beside an ingest. Usage: ingest_bench [MODEL...], MODEL of emoji-clip
// (the built-in one), ViT-B-32.
#include <spdlog/spdlog.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "benchmarks/ingest_load.h"
#include "benchmarks/ingest_parts.h"
#include "benchmarks/random_checkpoint.h"
#include "benchmarks/repeated_runs.h"
#include "engine/engine.h"

namespace {

using namespace clipdex;
namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr benchmarks::IngestClients kClients{.clients = 4, .per_request = 64};
constexpr std::size_t kEncoderBatch = 32;

// Of all threads of this process.
double core_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) { return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6; };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

void run(const std::string& name, const fs::path& model, std::size_t count, const fs::path& data) {
  const auto items = benchmarks::make_ingest_items(count);
  engine::Engine engine({.data_directory = data, .model = model});
  const auto collection = engine.create_collection("bench", {}).first;
  const auto before = benchmarks::measure_ingest_parts(engine.encoder(), items, kEncoderBatch);
  const auto start = Clock::now();
  const double cores_before = core_seconds();
  benchmarks::ingest_all(*collection, items, kClients);
  const double seconds = benchmarks::seconds_since(start), busy = core_seconds() - cores_before;
  const auto after = benchmarks::measure_ingest_parts(engine.encoder(), items, kEncoderBatch);
  const auto parts = benchmarks::better_of(before, after);
  const double each = seconds / static_cast<double>(count);
  const double write = static_cast<double>(engine.metrics().store_write.read().sum + engine.metrics().index_apply.read().sum) / 1e9 /
                       static_cast<double>(count);
  const double cores = engine.encoder().cores().cores();
  std::printf("%s, %zu JPEG files of %d x %d, %.0f KB each\n", name.c_str(), count, benchmarks::kFileWidth, benchmarks::kFileHeight,
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
  benchmarks::run_beside_queries(*collection, items, kClients);
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

// What a GPU gives, as shares of limits measured in the same run: its bf16 matrix product and its copy bandwidth. Pictures and texts a
// second of full-size models beside PyTorch eager; files into the whole engine and text queries out of it; searches over vectors, codes and
// graphs that lie on the GPU, with their recall, beside bare FAISS. Built with CLIPDEX_CUDA only. Usage: gpu_bench [--device N]
// [--rows ROWS]... (default 1000000) [PART...] [MODEL...], PART of encode, ingest, search (default: all), MODEL of ViT-B-32, ViT-L-14, RN50
// (default: the first two)
#include <cuda_runtime_api.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "benchmarks/device_memory.h"
#include "benchmarks/gpu_encoding.h"
#include "benchmarks/gpu_limits.h"
#include "benchmarks/gpu_search.h"
#include "benchmarks/random_checkpoint.h"
#ifdef CLIPDEX_SERVER
#include "benchmarks/gpu_ingest.h"
#endif

namespace {

using namespace clipdex::benchmarks;
namespace fs = std::filesystem;

const std::vector<RandomCheckpoint>& all_models() {
  static const std::vector<RandomCheckpoint> all = {vit_b_32(), vit_l_14(), rn50()};
  return all;
}

struct Wanted {
  int device = 0;
  std::vector<std::size_t> sizes;
  std::set<std::string> parts, models;
};

// Throws std::invalid_argument.
Wanted wanted(const std::vector<std::string>& arguments) {
  static const std::set<std::string> kParts = {"encode", "ingest", "search"};
  Wanted wanted;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const auto& argument = arguments[i];
    if (argument == "--device" && i + 1 < arguments.size()) {
      wanted.device = std::stoi(arguments[++i]);
    } else if (argument == "--rows" && i + 1 < arguments.size()) {
      wanted.sizes.push_back(std::stoull(arguments[++i]));
    } else if (kParts.contains(argument)) {
      wanted.parts.insert(argument);
    } else if (std::any_of(all_models().begin(), all_models().end(), [&](const auto& model) { return model.name == argument; })) {
      wanted.models.insert(argument);
    } else {
      throw std::invalid_argument("\"" + argument + "\" is no option, part or model: see the beginning of benchmarks/gpu_bench.cpp");
    }
  }
  if (wanted.sizes.empty()) wanted.sizes = {1'000'000};
  if (wanted.parts.empty()) wanted.parts = kParts;
  if (wanted.models.empty()) wanted.models = {"ViT-B-32", "ViT-L-14"};
  return wanted;
}

void measure_model(const RandomCheckpoint& model, const Wanted& wanted, const GpuLimits& limits, const fs::path& scratch) {
  const auto directory = scratch / model.name;
  write_random_checkpoint(model, directory);
  if (wanted.parts.contains("encode")) measure_encoding(model, directory, wanted.device, limits);
  if (wanted.parts.contains("ingest") && model.vision_layers > 0) {
#ifdef CLIPDEX_SERVER
    measure_ingest(model, directory, scratch / "data", wanted.device);
#else
    std::printf("\n%s through the engine skipped: this was built without it (CLIPDEX_SERVER)\n", model.name.c_str());
#endif
  }
  // One model at a time: each has a gigabyte of files, and its data as much again.
  fs::remove_all(directory);
  fs::remove_all(scratch / "data");
}

void run(const Wanted& wanted, const fs::path& scratch) {
  check_cuda(cudaSetDevice(wanted.device), "the GPU cannot be used");
  cudaDeviceProp properties{};
  check_cuda(cudaGetDeviceProperties(&properties, wanted.device), "the GPU cannot be asked");
  const auto limits = measure_gpu_limits();
  std::printf("%s: %s\n", properties.name, describe(limits).c_str());
  if (wanted.parts.contains("encode") || wanted.parts.contains("ingest")) {
    for (const auto& model : all_models()) {
      if (wanted.models.contains(model.name)) measure_model(model, wanted, limits, scratch);
    }
  }
  if (wanted.parts.contains("search")) {
    for (const auto rows : wanted.sizes) measure_searching(rows, wanted.device, limits);
  }
  // A GPU that has become hot is slower: shares are of the limits above.
  std::printf("\nat the end: %s\n", describe(measure_gpu_limits()).c_str());
}

}  // namespace

int main(int argc, char** argv) {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  // Beside the build: /tmp may be memory, which is not what a disk is measured with.
  const auto scratch = fs::path(CLIPDEX_BINARY_DIR) / "gpu_bench_data";
  int code = EXIT_SUCCESS;
  try {
    fs::remove_all(scratch);
    run(wanted({argv + 1, argv + argc}), scratch);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "gpu_bench: %s\n", error.what());
    code = EXIT_FAILURE;
  }
  std::error_code ignored;
  fs::remove_all(scratch, ignored);
  return code;
}

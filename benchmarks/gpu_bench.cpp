// What a GPU gives, as shares of limits measured in the same run: its bf16 matrix product and its copy bandwidth. Pictures and texts a
// second of full-size models, a single text's latency, exact searches over vectors that lie on the GPU, beside bare FAISS. Built with
// CLIPDEX_CUDA only. Usage: gpu_bench [--device N] [--rows ROWS]... (default 1000000) [MODEL...], MODEL of ViT-B-32, ViT-L-14, RN50
// (default: the first two)
#include <cublas_v2.h>
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime_api.h>
#include <faiss/gpu/GpuDistance.h>
#include <faiss/gpu/StandardGpuResources.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

#include "benchmarks/clip_like_vectors.h"
#include "benchmarks/random_checkpoint.h"
#include "encoder/clip_encoder.h"
#include "index/vector_index.h"

namespace {

using namespace clipdex;
namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kDimension = 512, kHits = 10, kQueries = 1024;
constexpr double kSecondsEnough = 3;

double since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

void check(cudaError_t error, const char* what) {
  if (error != cudaSuccess) throw std::runtime_error(std::string(what) + ": " + cudaGetErrorString(error));
}

// Seconds of each run, in ascending order, after two to warm up.
template <typename Run>
std::vector<double> times_of(const Run& run) {
  run();
  run();
  std::vector<double> times;
  const auto start = Clock::now();
  while (times.size() < 20 || (since(start) < kSecondsEnough && times.size() < 10'000)) {
    const auto begin = Clock::now();
    run();
    times.push_back(since(begin));
  }
  std::sort(times.begin(), times.end());
  return times;
}

double at(const std::vector<double>& times, double share) {
  return times[static_cast<std::size_t>(share * static_cast<double>(times.size() - 1))];
}

// Device memory of zeros.
struct DeviceMemory {
  explicit DeviceMemory(std::size_t bytes) {
    check(cudaMalloc(&pointer, bytes), "cudaMalloc");
    check(cudaMemset(pointer, 0, bytes), "cudaMemset");
  }
  ~DeviceMemory() { cudaFree(pointer); }
  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;
  void* pointer = nullptr;
};

// Bytes a second that are read when memory is copied; as many are written.
double copy_bandwidth() {
  constexpr std::size_t kBytes = std::size_t{2} << 30;
  const DeviceMemory from(kBytes), to(kBytes);
  const auto times = times_of([&] {
    check(cudaMemcpy(to.pointer, from.pointer, kBytes, cudaMemcpyDeviceToDevice), "cudaMemcpy");
    check(cudaDeviceSynchronize(), "copying");
  });
  return 2 * static_cast<double>(kBytes) / times.front();
}

// Operations a second of a bf16 matrix product, summed in fp32.
double matrix_rate() {
  constexpr int kSide = 8192;
  const DeviceMemory a(kSide * kSide * sizeof(__nv_bfloat16)), b(kSide * kSide * sizeof(__nv_bfloat16)),
      c(kSide * kSide * sizeof(__nv_bfloat16));
  cublasHandle_t handle = nullptr;
  if (cublasCreate(&handle) != CUBLAS_STATUS_SUCCESS) throw std::runtime_error("cuBLAS does not start");
  const float one = 1, zero = 0;
  const auto times = times_of([&] {
    cublasGemmEx(handle, CUBLAS_OP_N, CUBLAS_OP_N, kSide, kSide, kSide, &one, a.pointer, CUDA_R_16BF, kSide, b.pointer, CUDA_R_16BF, kSide,
                 &zero, c.pointer, CUDA_R_16BF, kSide, CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT);
    check(cudaDeviceSynchronize(), "a matrix product");
  });
  cublasDestroy(handle);
  return 2.0 * kSide * kSide * kSide / times.front();
}

void measure_images(const encoder::ClipEncoder& clip, const benchmarks::RandomCheckpoint& model, double rate) {
  encoder::Image picture{.width = 2 * model.image_size, .height = 2 * model.image_size, .channels = 3};
  picture.pixels.resize(static_cast<std::size_t>(picture.width) * static_cast<std::size_t>(picture.height) * 3);
  for (std::size_t i = 0; i < picture.pixels.size(); ++i) picture.pixels[i] = static_cast<std::uint8_t>(i * 2654435761U >> 24);
  for (const std::size_t batch : {1, 32, 256, 1024}) {
    auto images = clip.image_batch(batch);
    for (std::size_t i = 0; i < batch; ++i) images.set(i, picture);
    const auto times = times_of([&] { clip.encode_image_batch(images); });
    const double each = at(times, 0.5) / static_cast<double>(batch);
    std::printf("  pictures, %4zu at once: p50 %8.3f ms  %9.0f /s  %.2f of the matrix product\n", batch, at(times, 0.5) * 1e3, 1 / each,
                model.gflop_image * 1e9 / each / rate);
  }
}

void measure_texts(const encoder::ClipEncoder& clip) {
  constexpr std::int32_t kStart = 49'406, kEnd = 49'407, kTokens = 12;
  for (const std::size_t batch : {1, 64, 1024}) {
    std::vector<std::vector<std::int32_t>> tokens(batch, std::vector<std::int32_t>(kTokens, kStart));
    for (std::size_t i = 0; i < batch; ++i) {
      for (std::size_t j = 1; j < kTokens; ++j) tokens[i][j] = static_cast<std::int32_t>((i * 31 + j * 977) % kStart);
      tokens[i].back() = kEnd;
    }
    const auto times = times_of([&] { clip.encode_tokens(tokens); });
    std::printf("  texts of 12 tokens, %4zu at once: p50 %8.3f ms, p99 %8.3f  %9.0f /s%s\n", batch, at(times, 0.5) * 1e3,
                at(times, 0.99) * 1e3, static_cast<double>(batch) / at(times, 0.5), batch == 1 ? " (at most 1.5 ms is wanted)" : "");
  }
}

// One query, 64, all: through FAISS alone on fp16 vectors.
double bare_faiss(faiss::gpu::StandardGpuResources& resources, const DeviceMemory& vectors, std::size_t rows, std::size_t n) {
  std::vector<__half> queries(n * kDimension, __float2half_rn(0.01F));
  std::vector<float> scores(n * kHits);
  std::vector<faiss::idx_t> positions(n * kHits);
  faiss::gpu::GpuDistanceParams parameters;
  parameters.metric = faiss::METRIC_INNER_PRODUCT;
  parameters.k = kHits;
  parameters.dims = kDimension;
  parameters.vectors = vectors.pointer;
  parameters.vectorType = parameters.queryType = faiss::gpu::DistanceDataType::F16;
  parameters.numVectors = static_cast<faiss::idx_t>(rows);
  parameters.queries = queries.data();
  parameters.numQueries = static_cast<faiss::idx_t>(n);
  parameters.outDistances = scores.data();
  parameters.outIndices = positions.data();
  return at(times_of([&] { faiss::gpu::bfKnn(&resources, parameters); }), 0.5);
}

void measure_index(std::size_t rows, int device, double bytes_per_second) {
  std::printf("\n%zu x %zu in fp16\n", rows, kDimension);
  std::vector<float> vectors(rows * kDimension), queries(kQueries * kDimension);
  {
    const benchmarks::ClipLikeVectors made(std::max<std::size_t>(100, rows / 100));
    made.rows(rows, vectors.data());
    made.queries(kQueries, queries.data());
  }
  index::IndexOptions options;
  options.dimension = kDimension;
  options.type = index::IndexType::kFlat;
  options.seal_rows = rows;
  options.accelerator = index::make_accelerator({.device = device, .bytes_max = rows * kDimension * sizeof(__half)});
  index::VectorIndex index(options);
  {
    std::vector<std::uint64_t> numbers(rows);
    for (std::size_t i = 0; i < rows; ++i) numbers[i] = i;
    index.apply(numbers, vectors, {});
  }
  index.seal();
  const auto start = Clock::now();
  while (index.maintain()) {
  }
  const auto snapshot = index.snapshot();
  if (snapshot->statistics().device_bytes == 0) throw std::runtime_error("the vectors did not come to the GPU");
  std::printf("  copied to the GPU in %.1f s\n", since(start));

  faiss::gpu::StandardGpuResources resources;
  const DeviceMemory zeros(rows * kDimension * sizeof(__half));
  const double pass = static_cast<double>(rows * kDimension * sizeof(__half)) / bytes_per_second;
  for (const std::size_t n : {std::size_t{1}, std::size_t{64}, kQueries}) {
    index::SearchOptions search;
    search.limit = kHits;
    const auto times = times_of([&] { snapshot->search(std::span(queries).first(n * kDimension), n, search); });
    const double bare = bare_faiss(resources, zeros, rows, n);
    std::printf("  %4zu queries: p50 %8.3f ms, p99 %8.3f  %9.0f /s  %.2f of the copy bandwidth; bare FAISS %8.3f ms, %.2f of it\n", n,
                at(times, 0.5) * 1e3, at(times, 0.99) * 1e3, static_cast<double>(n) / at(times, 0.5), pass / at(times, 0.5), bare * 1e3,
                at(times, 0.5) / bare);
  }
}

void measure_model(const benchmarks::RandomCheckpoint& model, int device, double rate, const fs::path& scratch) {
  write_random_checkpoint(model, scratch / model.name);
  for (const auto precision : {encoder::ComputePrecision::kFp16, encoder::ComputePrecision::kBf16}) {
    const encoder::ClipEncoder clip(scratch / model.name, {.device = "cuda:" + std::to_string(device), .precision = precision});
    std::printf("\n%s in %s\n", model.name.c_str(), std::string(name_of(precision)).c_str());
    measure_images(clip, model, rate);
    if (model.vision_layers > 0) measure_texts(clip);
  }
}

int run(const std::vector<std::string>& arguments) {
  int device = 0;
  std::vector<std::size_t> sizes;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i] == "--device" && i + 1 < arguments.size()) {
      device = std::atoi(arguments[++i].c_str());
    } else if (arguments[i] == "--rows" && i + 1 < arguments.size()) {
      sizes.push_back(std::strtoull(arguments[++i].c_str(), nullptr, 10));
    } else {
      names.push_back(arguments[i]);
    }
  }
  if (sizes.empty()) sizes = {1'000'000};
  if (names.empty()) names = {"ViT-B-32", "ViT-L-14"};
  check(cudaSetDevice(device), "the GPU cannot be used");
  cudaDeviceProp properties{};
  check(cudaGetDeviceProperties(&properties, device), "the GPU cannot be asked");
  const double bandwidth = copy_bandwidth(), rate = matrix_rate();
  std::printf("%s: copies %.0f GB/s, read and written; bf16 matrix product %.0f TFLOP/s\n", properties.name, bandwidth / 1e9, rate / 1e12);
  std::string scratch = (fs::temp_directory_path() / "clipdex-benchmark-XXXXXX").string();
  if (::mkdtemp(scratch.data()) == nullptr) throw std::runtime_error("there is no place for the models");
  try {
    for (const auto& model : {benchmarks::vit_b_32(), benchmarks::vit_l_14(), benchmarks::rn50()}) {
      if (std::find(names.begin(), names.end(), model.name) != names.end()) measure_model(model, device, rate, scratch);
    }
    for (const auto rows : sizes) measure_index(rows, device, bandwidth);
  } catch (...) {
    fs::remove_all(scratch);
    throw;
  }
  fs::remove_all(scratch);
  return EXIT_SUCCESS;
}

}  // namespace

int main(int argc, char** argv) {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  try {
    return run({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    std::fprintf(stderr, "gpu_bench: %s\n", error.what());
    return EXIT_FAILURE;
  }
}

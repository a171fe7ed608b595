#include "benchmarks/gpu_encoding.h"

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "benchmarks/repeated_runs.h"
#include "benchmarks/torch_peer.h"
#include "encoder/clip_encoder.h"

namespace clipdex::benchmarks {
namespace {

constexpr std::size_t kImageBatches[] = {1, 32, 256, 512, 1024};
constexpr std::size_t kTextBatches[] = {1, 64, 1024};
constexpr int kTokens = 12;  // of every text, start and end included

using PeerSeconds = std::map<std::string, double>;

std::string image_case(std::size_t batch) { return "image:" + std::to_string(batch); }
std::string text_case(std::size_t batch) { return "text:" + std::to_string(batch) + ":" + std::to_string(kTokens); }

// flop: of the batch.
void print(const char* what, std::size_t batch, const RunTimes& times, double flop, const GpuLimits& limits, const PeerSeconds& peer,
           const std::string& name) {
  std::printf("  %-8s %5zu at once: p50 %8.3f ms, p99 %8.3f  %9.0f /s  %.2f of the matrix product", what, batch, times.p50 * 1e3,
              times.p99 * 1e3, static_cast<double>(batch) / times.p50, flop / times.p50 / limits.bf16_flop);
  if (const auto seconds = peer.find(name); seconds != peer.end())
    std::printf("  PyTorch eager %8.3f ms, %.2fx", seconds->second * 1e3, seconds->second / times.p50);
  std::printf("\n");
}

// From decoded pictures of twice the model's side in the host's memory to embeddings there: PyTorch's pixels are on the GPU, made ready.
void measure_images(const encoder::ClipEncoder& clip, const RandomCheckpoint& model, const GpuLimits& limits, const PeerSeconds& peer) {
  encoder::Image picture{.width = 2 * model.image_size, .height = 2 * model.image_size, .channels = 3};
  picture.pixels.resize(static_cast<std::size_t>(picture.width) * static_cast<std::size_t>(picture.height) * 3);
  for (std::size_t i = 0; i < picture.pixels.size(); ++i) picture.pixels[i] = static_cast<std::uint8_t>(i * 2654435761U >> 24);
  for (const std::size_t batch : kImageBatches) {
    auto images = clip.image_batch(batch);
    for (std::size_t i = 0; i < batch; ++i) images.set(i, picture);
    const auto times = time_runs([&] { clip.encode_image_batch(images); });
    print("pictures", batch, times, static_cast<double>(batch) * model.gflop_image * 1e9, limits, peer, image_case(batch));
  }
}

void measure_texts(const encoder::ClipEncoder& clip, const RandomCheckpoint& model, const GpuLimits& limits, const PeerSeconds& peer) {
  constexpr std::int32_t kStart = 49'406, kEnd = 49'407;
  for (const std::size_t batch : kTextBatches) {
    std::vector<std::vector<std::int32_t>> tokens(batch, std::vector<std::int32_t>(kTokens, kStart));
    for (std::size_t i = 0; i < batch; ++i) {
      for (std::size_t j = 1; j < kTokens; ++j) tokens[i][j] = static_cast<std::int32_t>((i * 31 + j * 977) % kStart);
      tokens[i].back() = kEnd;
    }
    const auto times = time_runs([&] { clip.encode_tokens(tokens); });
    print("texts", batch, times, static_cast<double>(batch) * gflop_text(model, kTokens) * 1e9, limits, peer, text_case(batch));
  }
}

}  // namespace

void measure_encoding(const RandomCheckpoint& model, const std::filesystem::path& directory, int device, const GpuLimits& limits) {
  std::vector<std::string> cases;
  for (const auto batch : kImageBatches) cases.push_back(image_case(batch));
  // A ResNet's text tower is that of another model here.
  const bool has_texts = model.vision_layers > 0;
  if (has_texts) {
    for (const auto batch : kTextBatches) cases.push_back(text_case(batch));
  }
  constexpr encoder::ComputePrecision kPrecisions[] = {encoder::ComputePrecision::kFp16, encoder::ComputePrecision::kBf16};
  // Before ours is loaded, for memory that LibTorch keeps is not there for others.
  std::map<encoder::ComputePrecision, PeerSeconds> peers;
  std::printf("\n%s, texts of %d tokens\n", model.name.c_str(), kTokens);
  for (const auto precision : kPrecisions)
    peers[precision] = time_in_pytorch(directory, device, std::string(encoder::name_of(precision)), cases);
  for (const auto precision : kPrecisions) {
    std::printf(" in %s\n", std::string(encoder::name_of(precision)).c_str());
    const encoder::ClipEncoder clip(directory, {.device = "cuda:" + std::to_string(device), .precision = precision});
    measure_images(clip, model, limits, peers[precision]);
    if (has_texts) measure_texts(clip, model, limits, peers[precision]);
  }
}

}  // namespace clipdex::benchmarks

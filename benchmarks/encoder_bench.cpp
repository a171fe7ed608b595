// Does the encoder use what the machine can compute? Random full-size checkpoints; in one run the rate of torch.mm, the encoder's own
// (counting the model's nominal operations), PyTorch eager's and ONNX Runtime's on the same weights; load time and memory of a process of
// its own. Usage: encoder_bench [--quick] [MODEL...], MODEL of ViT-B-32, RN50, ViT-L-14.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "benchmarks/random_checkpoint.h"
#include "encoder/clip_encoder.h"

namespace {

namespace fs = std::filesystem;
namespace encoder = clipdex::encoder;
using clipdex::benchmarks::RandomCheckpoint;
using Clock = std::chrono::steady_clock;
using Seconds = std::map<std::string, double>;  // by case: "image:BATCH" or "text:BATCH:TOKENS"

constexpr double kSecondsEnough = 4;
constexpr int kRunsMax = 15;
constexpr int kStart = 49'406, kEnd = 49'407, kContext = 77;

double since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// As encoder_peers.py measures: the shortest of the runs that fit into some seconds, after one to warm up.
template <typename Run>
double best_of(Run run) {
  const auto start = Clock::now();
  run();
  std::vector<double> times;
  if (since(start) > kSecondsEnough) times.push_back(since(start));
  while (times.empty() || (times.size() < kRunsMax && since(start) < kSecondsEnough)) {
    const auto begin = Clock::now();
    run();
    times.push_back(since(begin));
  }
  return *std::min_element(times.begin(), times.end());
}

std::vector<int> numbers_of(const std::string& measured) {
  std::vector<int> numbers;
  for (std::size_t at = measured.find(':'); at != std::string::npos; at = measured.find(':', at + 1))
    numbers.push_back(std::stoi(measured.substr(at + 1)));
  return numbers;
}

double megabytes(const char* field) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(field)) return std::stod(line.substr(line.find(':') + 1)) * 1024 / 1e6;
  }
  return 0;
}

double measure_case(const encoder::ClipEncoder& clip, const std::string& measured) {
  const auto numbers = numbers_of(measured);
  const auto batch = static_cast<std::size_t>(numbers[0]);
  if (measured.starts_with("image")) {
    const auto side = static_cast<std::size_t>(clip.config().vision.image_size);
    std::vector<float> pixels(batch * 3 * side * side);
    for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<float>((i * 2654435761U >> 16) % 1000) / 300.0F - 1.7F;
    return best_of([&] { clip.encode_pixels(pixels, batch); });
  }
  std::vector<std::vector<std::int32_t>> tokens(batch);
  for (std::size_t i = 0; i < batch; ++i) {
    tokens[i].assign(static_cast<std::size_t>(numbers[1]), kStart);
    for (std::size_t j = 1; j < tokens[i].size(); ++j) tokens[i][j] = static_cast<std::int32_t>((i * 31 + j * 977) % kStart);
    tokens[i].back() = kEnd;
  }
  return best_of([&] { clip.encode_tokens(tokens); });
}

// In a process of its own, so that its memory is the encoder's.
int measure(const fs::path& directory, const std::vector<std::string>& cases) {
  const auto start = Clock::now();
  const encoder::ClipEncoder clip(directory);
  std::printf("{\"case\":\"load\",\"seconds\":%.6f}\n", since(start));
  for (const auto& measured : cases) std::printf("{\"case\":\"%s\",\"seconds\":%.6f}\n", measured.c_str(), measure_case(clip, measured));
  std::printf("{\"case\":\"resident\",\"seconds\":%.3f}\n{\"case\":\"peak\",\"seconds\":%.3f}\n", megabytes("VmRSS"), megabytes("VmHWM"));
  return EXIT_SUCCESS;
}

Seconds run(const std::string& command) {
  Seconds seconds;
  FILE* pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) throw std::runtime_error("cannot run " + command);
  char line[512];
  while (std::fgets(line, sizeof line, pipe) != nullptr) {
    const auto parsed = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (parsed.is_object()) seconds[parsed.at("case")] = parsed.at("seconds");
  }
  if (::pclose(pipe) != 0) std::fprintf(stderr, "encoder_bench: this failed: %s\n", command.c_str());
  return seconds;
}

std::string peers(const std::string& arguments) {
  return std::string("python3 -B -W ignore ") + CLIPDEX_SOURCE_DIR + "/benchmarks/encoder_peers.py " + arguments;
}

std::vector<std::string> cases_of(const RandomCheckpoint& model, bool quick) {
  std::vector<std::string> cases = {"image:1", "image:8"};
  if (!quick) cases.emplace_back("image:32");
  if (model.vision_layers == 0) return cases;  // its text tower is that of another model here
  for (const int batch : {1, 32}) {
    for (const int tokens : {8, 12, 16, kContext}) cases.push_back("text:" + std::to_string(batch) + ":" + std::to_string(tokens));
  }
  return cases;
}

double matrix_rate(const std::string& threads) {
  constexpr double kFlop = 2.0 * 2048 * 2048 * 2048;
  return kFlop / run(peers("mm " + threads)).at("mm") / 1e9;
}

void compare(const RandomCheckpoint& model, const fs::path& scratch, bool quick) {
  const auto directory = scratch / model.name;
  const double weights = static_cast<double>(write_random_checkpoint(model, directory)) / 1e6;
  const std::string threads = std::to_string(std::thread::hardware_concurrency());
  std::string cases;
  for (const auto& measured : cases_of(model, quick)) cases += " " + measured;
  const double before = matrix_rate(threads);
  const auto ours = run(fs::read_symlink("/proc/self/exe").string() + " measure " + directory.string() + cases);
  const double rate = (before + matrix_rate(threads)) / 2;
  const auto torch = run(peers("torch " + directory.string() + " " + threads + cases));
  run(peers("export " + directory.string() + " 2>&1"));
  const auto onnx = run(peers("onnx " + directory.string() + " " + threads + cases));

  std::printf("%s: weights %.0f MB, ready in %.2f s, resident %.0f MB (weights + %.0f MB), at most %.0f MB\n", model.name.c_str(), weights,
              ours.at("load"), ours.at("resident"), ours.at("resident") - weights, ours.at("peak"));
  std::printf("torch.mm 2048^3: %.0f GFLOP/s\n", rate);
  std::printf("%-12s %10s %10s %8s %14s %14s\n", "case", "ms", "GFLOP/s", "of mm", "torch eager", "onnxruntime");
  for (const auto& measured : cases_of(model, quick)) {
    const auto numbers = numbers_of(measured);
    const double gflop = numbers[0] * (measured.starts_with("image") ? model.gflop_image : gflop_text(model, numbers[1]));
    const double seconds = ours.at(measured);
    std::printf("%-12s %10.2f %10.0f %8.2f", measured.c_str(), seconds * 1e3, gflop / seconds, gflop / seconds / rate);
    for (const auto* peer : {&torch, &onnx}) {
      if (peer->contains(measured)) {
        std::printf("  %6.1f ms %4.2fx", peer->at(measured) * 1e3, peer->at(measured) / seconds);
      } else {
        std::printf("  %14s", "not run");
      }
    }
    std::printf("\n");
  }
  for (const int batch : {1, 32}) {
    const std::string text = "text:" + std::to_string(batch) + ":";
    if (!ours.contains(text + "12")) continue;
    std::printf("12 tokens, %d at a time: %.1fx as fast as padded to %d\n", batch, ours.at(text + "77") / ours.at(text + "12"), kContext);
  }
  std::printf("\n");
  std::fflush(stdout);
  fs::remove_all(directory);
}

int compare_all(std::vector<std::string> names) {
  const bool quick = std::erase(names, "--quick") > 0;
  const RandomCheckpoint all[] = {clipdex::benchmarks::vit_b_32(), clipdex::benchmarks::rn50(), clipdex::benchmarks::vit_l_14()};
  std::string scratch = (fs::temp_directory_path() / "clipdex-benchmark-XXXXXX").string();
  if (::mkdtemp(scratch.data()) == nullptr) return EXIT_FAILURE;
  int code = EXIT_SUCCESS;
  try {
    for (const auto& model : all) {
      if (names.empty() || std::find(names.begin(), names.end(), model.name) != names.end()) compare(model, scratch, quick);
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "encoder_bench: %s\n", error.what());
    code = EXIT_FAILURE;
  }
  fs::remove_all(scratch);
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() > 1 && arguments[0] == "measure") return measure(arguments[1], {arguments.begin() + 2, arguments.end()});
  return compare_all(arguments);
}

// Does training use what the machine can compute? Our trainer, from JPEG files and captions to the optimizer's step, against the same model
// in PyTorch on pixels and tokens that lie in memory, in one run; and the share of torch.mm's rate that the towers' nominal operations
// (three times the forward pass) make. Usage: training_bench [MODEL...], MODEL of small, ViT-B-32.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "benchmarks/photo.h"
#include "benchmarks/random_checkpoint.h"
#include "encoder/thumbnail.h"
#include "encoder/training/trainer.h"
#include "encoder/usable_cores.h"

namespace {

namespace fs = std::filesystem;
namespace training = clipdex::training;
using clipdex::benchmarks::RandomCheckpoint;

struct Case {
  RandomCheckpoint model;
  std::size_t batch;
  std::uint64_t steps;  // measured; two more warm up
};

// The shape of the built-in model, with OpenAI's vocabulary.
RandomCheckpoint small() {
  return {.name = "small",
          .embedding_dimension = 128,
          .image_size = 64,
          .vision_width = 256,
          .vision_layers = 4,
          .patch_size = 16,
          .text_width = 192,
          .text_layers = 2,
          .gflop_image = 0.114};
}

constexpr int kTokens = 12;  // of every caption, start and end included
constexpr std::size_t kPictures = 512;

std::string caption(std::size_t i) {
  static const std::vector<std::string> words = {"cat", "dog", "tree", "house", "car", "boat", "sun", "moon", "bird", "fish"};
  std::string text = "a photo of the";
  for (int word = 0; word < kTokens - 2 - 4; ++word, i /= words.size()) text += " " + words[i % words.size()];
  return text;
}

void write_pictures(const fs::path& directory, int side) {
  std::ofstream list(directory / "pairs.jsonl");
  for (std::size_t i = 0; i < kPictures; ++i) {
    const auto name = std::to_string(i) + ".jpg";
    const auto rgb = clipdex::benchmarks::photo(side, side, clipdex::benchmarks::Subject::kLandscape, static_cast<std::uint32_t>(i));
    clipdex::encoder::Image picture{.width = side, .height = side, .channels = 3};
    picture.pixels.assign(rgb.begin(), rgb.end());
    std::ofstream(directory / name, std::ios::binary) << clipdex::encoder::make_thumbnail(picture);
    list << nlohmann::json{{"file", name}, {"caption", caption(i)}}.dump() << '\n';
  }
}

std::map<std::string, double> run_peers(const std::string& arguments) {
  std::map<std::string, double> seconds;
  const std::string command = std::string("python3 -B -W ignore ") + CLIPDEX_SOURCE_DIR + "/benchmarks/training_peers.py " + arguments;
  FILE* pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) throw std::runtime_error("cannot run " + command);
  char line[512];
  while (std::fgets(line, sizeof line, pipe) != nullptr) {
    const auto parsed = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (parsed.is_object()) seconds[parsed.at("case")] = parsed.at("seconds");
  }
  if (::pclose(pipe) != 0) throw std::runtime_error("this failed: " + command);
  return seconds;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values.at(values.size() / 2);
}

// Seconds of a step, whole and without the wait for data.
struct StepSeconds {
  double whole, without_data;
};

StepSeconds measure(const Case& one, const fs::path& scratch, const fs::path& model) {
  training::TrainingOptions options;
  options.out = scratch / "run";
  options.train.words = {(scratch / "pairs.jsonl").string()};
  options.from = model;
  options.batch = one.batch;
  options.steps = one.steps + 2;
  options.checkpoint_every = 0;
  std::vector<double> whole, without_data;
  training::TrainingEvents events;
  events.step = [&](const training::StepMetrics& metrics) {
    if (metrics.step <= 2) return;
    whole.push_back(static_cast<double>(one.batch) / metrics.samples_per_second);
    without_data.push_back(whole.back() - metrics.data_seconds);
  };
  training::train(options, events);
  return {.whole = median(whole), .without_data = median(without_data)};
}

void compare(const Case& one, const fs::path& scratch) {
  const auto directory = scratch / one.model.name;
  write_random_checkpoint(one.model, directory);
  write_pictures(scratch, one.model.image_size + one.model.image_size / 4);
  const std::string threads = std::to_string(clipdex::encoder::usable_cores());
  const double mm = run_peers("mm " + threads).at("mm");
  const auto ours = measure(one, scratch, directory);
  const auto peer = run_peers("train " + directory.string() + " " + threads + " " + std::to_string(one.batch) + " " +
                              std::to_string(one.steps) + " " + std::to_string(kTokens));
  const double gflop = 3 * static_cast<double>(one.batch) * (one.model.gflop_image + gflop_text(one.model, kTokens));
  constexpr double kMmGflop = 2.0 * 2048 * 2048 * 2048 / 1e9;
  const double rate = kMmGflop / mm;
  const auto print = [&](const char* what, double seconds) {
    std::printf("  %-58s %8.1f ms  %7.1f samples/s  %6.1f GFLOP/s  %.2f of mm  %.2fx  %.2fx\n", what, seconds * 1e3,
                static_cast<double>(one.batch) / seconds, gflop / seconds, gflop / seconds / rate, peer.at("padded") / seconds,
                peer.at("trimmed") / seconds);
  };
  std::printf(
      "%s, batch %zu, captions of %d tokens; torch.mm 2048^3: %.0f GFLOP/s; x: against PyTorch with padded and with trimmed captions\n",
      one.model.name.c_str(), one.batch, kTokens, rate);
  print("clipdex, files and augmentation included", ours.whole);
  print("clipdex, a step alone", ours.without_data);
  print("PyTorch, captions padded to 77 as open_clip's", peer.at("padded"));
  print("PyTorch, captions trimmed as ours", peer.at("trimmed"));
  fs::remove_all(scratch / "run");
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> names(argv + 1, argv + argc);
  std::string scratch = (fs::temp_directory_path() / "clipdex-benchmark-XXXXXX").string();
  if (::mkdtemp(scratch.data()) == nullptr) return EXIT_FAILURE;
  int code = EXIT_SUCCESS;
  try {
    for (const auto& one : {Case{small(), 256, 12}, Case{clipdex::benchmarks::vit_b_32(), 32, 5}}) {
      if (names.empty() || std::find(names.begin(), names.end(), one.model.name) != names.end()) compare(one, scratch);
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "training_bench: %s\n", error.what());
    code = EXIT_FAILURE;
  }
  fs::remove_all(scratch);
  return code;
}

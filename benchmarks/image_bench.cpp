// From a file to a model's pixels: is decoding and resizing faster than Pillow's and how far from libvips', and what does decoding at a
// reduced size save and cost? One thread each, CPU time, the best of some repetitions, all on the same generated files in one run.
#include <spng.h>
#include <unistd.h>
#include <webp/encode.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <limits>
#include <map>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

#include "benchmarks/photo.h"
#include "encoder/clip_encoder.h"
#include "encoder/image_decoder.h"
#include "encoder/preprocessing.h"
#include "tests/encoder/jpeg_files.h"

namespace {

namespace fs = std::filesystem;
using namespace clipdex::encoder;
using clipdex::benchmarks::photo;
using clipdex::benchmarks::Subject;
using Bytes = std::vector<std::uint8_t>;

constexpr double kSecondsEach = 1.0;
constexpr int kTarget = 224;

double cpu_seconds() {
  timespec time{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

double fastest(const std::function<void()>& work) {
  double best = std::numeric_limits<double>::infinity();
  for (const double until = cpu_seconds() + kSecondsEach;;) {
    const double start = cpu_seconds();
    work();
    const double end = cpu_seconds();
    best = std::min(best, end - start);
    if (end >= until) return best;
  }
}

Bytes write_png(const Bytes& rgb, int width, int height) {
  const std::unique_ptr<spng_ctx, void (*)(spng_ctx*)> context(::spng_ctx_new(SPNG_CTX_ENCODER), ::spng_ctx_free);
  ::spng_set_option(context.get(), SPNG_ENCODE_TO_BUFFER, 1);
  spng_ihdr header{static_cast<std::uint32_t>(width), static_cast<std::uint32_t>(height), 8, SPNG_COLOR_TYPE_TRUECOLOR, 0, 0, 0};
  ::spng_set_ihdr(context.get(), &header);
  if (::spng_encode_image(context.get(), rgb.data(), rgb.size(), SPNG_FMT_PNG, SPNG_ENCODE_FINALIZE) != 0)
    throw std::runtime_error("a PNG cannot be written");
  std::size_t size = 0;
  int error = 0;
  auto* data = static_cast<std::uint8_t*>(::spng_get_png_buffer(context.get(), &size, &error));
  Bytes file(data, data + size);
  std::free(data);
  return file;
}

Bytes write_webp(const Bytes& rgb, int width, int height) {
  std::uint8_t* data = nullptr;
  const std::size_t size = ::WebPEncodeRGB(rgb.data(), width, height, width * 3, /*quality_factor=*/85, &data);
  const std::unique_ptr<std::uint8_t, void (*)(void*)> owner(data, ::WebPFree);
  if (size == 0) throw std::runtime_error("a WebP cannot be written");
  return {data, data + size};
}

struct File {
  std::string name;
  int width, height;
  Bytes bytes;
};

std::vector<File> make_files() {
  const auto large = photo(4000, 3000, Subject::kLandscape), small = photo(640, 480, Subject::kLandscape);
  return {{"photo_12mp.jpg", 4000, 3000, clipdex::tests::write_jpeg(large, 4000, 3000, {})},
          {"progressive_12mp.jpg", 4000, 3000, clipdex::tests::write_jpeg(large, 4000, 3000, {.progressive = true})},
          {"photo_vga.jpg", 640, 480, clipdex::tests::write_jpeg(small, 640, 480, {})},
          {"photo_vga.png", 640, 480, write_png(small, 640, 480)},
          {"photo_vga.webp", 640, 480, write_webp(small, 640, 480)}};
}

// The shorter side to 224, as a model wants it.
std::pair<int, int> resized(const File& file) {
  return {kTarget * file.width / std::min(file.width, file.height), kTarget * file.height / std::min(file.width, file.height)};
}

using Rates = std::map<std::string, std::map<std::string, double>>;  // "decode photo.jpg" -> who -> Mpixel/s

void measure_ourselves(const std::vector<File>& files, Rates& rates) {
  for (const auto& file : files) {
    const double megapixels = 1e-6 * file.width * file.height;
    rates["decode " + file.name]["clipdex"] = megapixels / fastest([&] { decode_image(file.bytes); });
    if (!file.name.starts_with("photo") || !file.name.ends_with(".jpg")) continue;
    const Image image = decode_image(file.bytes);
    const auto [width, height] = resized(file);
    rates["resize " + file.name]["clipdex"] = megapixels / fastest([&] { resize(image, width, height, Interpolation::kBicubic); });
  }
}

void measure_peers(const std::vector<File>& files, const fs::path& directory, Rates& rates) {
  std::string decoded, scaled;
  for (const auto& file : files) {
    std::ofstream(directory / file.name, std::ios::binary)
        .write(reinterpret_cast<const char*>(file.bytes.data()), static_cast<std::streamsize>(file.bytes.size()));
    decoded += " " + file.name;
    if (!rates.contains("resize " + file.name)) continue;
    const auto [width, height] = resized(file);
    scaled += " " + std::to_string(width) + " " + std::to_string(height) + " " + file.name;
  }
  const std::string command = std::string("python3 ") + CLIPDEX_SOURCE_DIR + "/benchmarks/image_peers.py " + directory.string() + " " +
                              std::to_string(kSecondsEach) + decoded + " --" + scaled;
  const std::unique_ptr<FILE, int (*)(FILE*)> output(::popen(command.c_str(), "r"), ::pclose);
  if (!output) throw std::runtime_error("python3 cannot be started");
  char line[512], peer[64], what[16], name[256];
  double rate = 0;
  while (std::fgets(line, sizeof line, output.get()) != nullptr) {
    if (line[0] == '#') {
      std::fputs(line, stdout);
    } else if (std::sscanf(line, "%63s %15s %255s %lf", peer, what, name, &rate) == 4) {
      rates[std::string(what) + " " + name][peer] = rate;
    }
  }
}

void print(const Rates& rates) {
  std::printf("\n%-32s %9s %9s %9s   %s\n", "Mpixel/s, one thread", "clipdex", "Pillow", "libvips", "clipdex to Pillow, to libvips");
  for (const auto& [what, by] : rates) {
    const auto rate = [&, &of = by](const char* who) { return of.contains(who) ? of.at(who) : 0.0; };
    const auto ratio = [&](const char* who) { return rate(who) > 0 ? rate("clipdex") / rate(who) : 0.0; };
    std::printf("%-32s %9.0f %9.0f %9.0f   %.2f, %.2f\n", what.c_str(), rate("clipdex"), rate("pillow"), rate("libvips"), ratio("pillow"),
                ratio("libvips"));
  }
}

double cosine(std::span<const float> a, std::span<const float> b) { return std::inner_product(a.begin(), a.end(), b.begin(), 0.0); }

struct Sample {
  std::string name;
  Bytes file;
};

std::vector<Sample> make_samples() {
  std::vector<Sample> samples;
  const std::pair<Subject, const char*> subjects[] = {
      {Subject::kLandscape, "landscape"}, {Subject::kFoliage, "foliage"}, {Subject::kPage, "page"}, {Subject::kPortrait, "portrait"}};
  for (const auto& [subject, name] : subjects) {
    for (const auto& [width, height] : {std::pair(4000, 3000), {1803, 2405}, {1000, 1011}})
      samples.push_back({name, clipdex::tests::write_jpeg(photo(width, height, subject), width, height, {})});
  }
  return samples;
}

void compare_reduced(const fs::path& model, const std::vector<Sample>& samples) {
  const ClipEncoder encoder(model);
  const auto& preprocessing = encoder.preprocessing();
  const auto reduced = reduced_decoding(preprocessing);
  std::printf("\nexact and reduced decoding with preprocessing for %s (input %d x %d)\n", encoder.info().name.c_str(), preprocessing.width,
              preprocessing.height);
  std::printf("%-24s %12s %14s %10s %10s %7s   %s\n", "picture", "size", "reduced to", "exact ms", "reduced ms", "ratio", "cosine");
  double least = 1;
  for (const auto& [name, file] : samples) {
    std::vector<float> pixels, reduced_pixels;
    const double exact = fastest([&] { pixels = preprocess(decode_image(file), preprocessing); });
    const double quick = fastest([&] { reduced_pixels = preprocess(decode_image(file, {}, reduced), preprocessing); });
    const Image small = decode_image(file, {}, reduced);
    const auto a = encoder.encode_pixels(pixels, 1), b = encoder.encode_pixels(reduced_pixels, 1);
    least = std::min(least, cosine(a.values, b.values));
    std::printf("%-24s %5d x %4d %7d x %4d %10.1f %10.1f %7.2f   %.6f\n", name.c_str(), whole_width(small), whole_height(small),
                small.width, small.height, 1e3 * exact, 1e3 * quick, exact / quick, cosine(a.values, b.values));
  }
  std::printf("least cosine %.6f (what is promised: 0.999)\n", least);
}

}  // namespace

// image_bench [MODEL_DIRECTORY | PICTURE]...: exact and reduced decoding is compared for these models too, and on these JPEG files too.
int main(int argc, char** argv) {
  std::string directory = (fs::temp_directory_path() / "clipdex-image-bench-XXXXXX").string();
  if (::mkdtemp(directory.data()) == nullptr) return EXIT_FAILURE;
  int code = EXIT_SUCCESS;
  try {
    const auto files = make_files();
    Rates rates;
    measure_ourselves(files, rates);
    measure_peers(files, directory, rates);
    print(rates);
    std::fflush(stdout);
    auto samples = make_samples();
    std::vector<fs::path> models = {fs::path(CLIPDEX_SOURCE_DIR) / "tests/data/emoji-clip"};
    for (const fs::path argument : std::vector<std::string>(argv + 1, argv + argc)) {
      if (fs::is_directory(argument)) {
        models.push_back(argument);
        continue;
      }
      std::ifstream stream(argument, std::ios::binary);
      samples.push_back({argument.filename().string(), {std::istreambuf_iterator<char>(stream), {}}});
    }
    for (const auto& model : models) compare_reduced(model, samples);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "image_bench: %s\n", error.what());
    code = EXIT_FAILURE;
  }
  fs::remove_all(directory);
  return code;
}

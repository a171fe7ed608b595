// Training data, which comes from anywhere: the same bytes as a webdataset shard, tables, JSON lines and COCO's or Karpathy's JSON.
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>

#include "datasets/dataset.h"
#include "tests/temporary_directory.h"

namespace {

using namespace clipdex::datasets;

constexpr std::size_t kPictureBytesMax = 4096;

void check(const CaptionedImage& image) {
  if (image.where.empty()) __builtin_trap();
  if (!image.error.empty()) return;
  if (image.file.empty() == image.bytes.empty() || image.bytes.size() > kPictureBytesMax) __builtin_trap();
  if ((image.captions.empty() && !image.label) || image.captions.size() > kCaptionsMax) __builtin_trap();
  for (const auto& caption : image.captions) {
    if (caption.empty() || caption.size() > kCaptionBytesMax) __builtin_trap();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const clipdex::tests::TemporaryDirectory directory;
  for (const auto* name : {"d.tar", "d.csv", "d.tsv", "d.jsonl", "d.json"}) {
    const auto file = directory.path() / name;
    std::ofstream(file, std::ios::binary).write(reinterpret_cast<const char*>(data), static_cast<std::streamsize>(size));
    try {
      const auto dataset = Dataset::open({file.string()}, {.bytes_max = kPictureBytesMax});
      const auto source = dataset.open_shard(0);
      while (const auto image = source->next()) check(*image);
    } catch (const std::invalid_argument&) {
      // Refused when it is opened; nothing may be thrown by what stands behind a header.
    }
  }
  return 0;
}

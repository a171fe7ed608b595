// A model's description, which comes with a checkpoint from anywhere: configuration and preprocessing, in both layouts.
#include <cstdint>
#include <stdexcept>

#include "encoder/config_files.h"
#include "encoder/preprocessing.h"
#include "tests/fuzz/memory_file.h"

namespace {

template <typename Read>
void attempt(const Read& read) {
  try {
    read();
  } catch (const std::runtime_error&) {
    // Refused, which is what most inputs deserve.
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace clipdex::encoder;
  const clipdex::fuzz::MemoryFile file(data, size);
  const std::filesystem::path path = file.path();
  const auto check = [](const Preprocessing& p) {
    if (p.width < 1 || p.height < 1 || p.resize_to < 1 || p.fill < 0 || p.fill > 255) __builtin_trap();
  };
  attempt([&] { is_huggingface_config(path); });
  attempt([&] { validate(read_huggingface_config(path)); });
  attempt([&] { validate(read_open_clip_config(path)); });
  attempt([&] { check(read_huggingface_preprocessing(path, 224)); });
  attempt([&] { check(read_open_clip_preprocessing(path, 224)); });
  return 0;
}

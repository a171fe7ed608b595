// The safetensors header, which comes with a checkpoint from anywhere.
#include <unistd.h>

#include <cstdint>
#include <stdexcept>
#include <string>

#include "encoder/safetensors.h"
#include "tests/fuzz/memory_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const clipdex::fuzz::MemoryFile file(data, size);
  try {
    const clipdex::encoder::SafetensorsFile weights(file.path());
    for (const auto& [name, view] : weights.tensors()) {
      // Every byte that a view promises must be there.
      if (!view.data.empty()) (void)(view.data.front() == view.data.back());
      if (view.elements() * clipdex::encoder::tensor_type_bytes(view.type) != view.data.size()) __builtin_trap();
    }
  } catch (const std::runtime_error&) {
    // Refused, which is what most inputs deserve.
  }
  return 0;
}

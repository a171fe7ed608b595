// A checkpoint whole: zip directory, pickle, tensors; and what its names and shapes say about a model.
#include <cstdint>
#include <stdexcept>
#include <vector>

#include "encoder/checkpoint.h"
#include "encoder/clip_tensors.h"
#include "encoder/config_inference.h"
#include "tests/fuzz/memory_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace clipdex::encoder;
  const clipdex::fuzz::MemoryFile file(data, size);
  try {
    const auto checkpoint = Checkpoint::open(file.path());
    for (const auto& [name, view] : checkpoint.tensors()) {
      // Every byte that a view promises must be there.
      if (view.elements() * tensor_type_bytes(view.type) != view.data.size()) __builtin_trap();
      for (std::size_t i = 0; i < view.data.size(); i += 61) (void)*static_cast<volatile const std::byte*>(&view.data[i]);
      if (is_floating_point(view.type) && !view.data.empty()) {
        std::vector<float> last(1);
        read_floats(view, view.elements() - 1, last);
      }
    }
    if (const auto naming = naming_of(checkpoint)) check_tensors(checkpoint, infer_model(checkpoint, *naming).config);
  } catch (const std::runtime_error&) {
    // Refused, which is what most inputs deserve.
  }
  return 0;
}

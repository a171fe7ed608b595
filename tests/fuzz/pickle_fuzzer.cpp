// The restricted reader of pickles, as torch.save's and as TorchScript's.
#include <cstdint>
#include <span>
#include <stdexcept>

#include "encoder/pickle.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  for (const bool torchscript : {false, true}) {
    try {
      const auto pickle = clipdex::encoder::read_pickle(std::as_bytes(std::span(data, size)), 0, {.torchscript = torchscript});
      if (pickle.end > size || pickle.root >= pickle.nodes.size()) __builtin_trap();
      for (const auto& node : pickle.nodes) {
        for (const auto item : node.items) {
          if (item >= pickle.nodes.size()) __builtin_trap();
        }
        // Strings lie in the pickle.
        if (!node.text.empty() && (node.text.data() < reinterpret_cast<const char*>(data) ||
                                   node.text.data() + node.text.size() > reinterpret_cast<const char*>(data) + size)) {
          __builtin_trap();
        }
        (void)pickle.find(node, "state_dict");
      }
    } catch (const std::runtime_error&) {
      // Refused, which is what most inputs deserve.
    }
  }
  return 0;
}

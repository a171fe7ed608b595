// A reader of Python's pickles that runs nothing: it knows plain containers, numbers, strings and PyTorch's tensors, and refuses by name
// whatever else a pickle wants to call (python/cpython, Lib/pickletools.py describes the opcodes; protocols 2 to 5).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace clipdex::encoder {

enum class PickleKind : std::uint8_t {
  kNone,
  kBoolean,     // integer
  kInteger,     // integer
  kBigInteger,  // text: little-endian two's complement of over 8 bytes
  kFloat,       // its value is of no use here
  kString,      // text; of bytes objects too
  kTuple,       // items
  kList,        // items; of sets too
  kDict,        // items: key, value, key, value, ... in order; a later key stands for an earlier equal one
  kGlobal,      // scope and text: "torch", "FloatStorage"
  kStorage,     // items: the tuple that persistent_id() gave for a tensor's storage
  kTensor,      // items: storage, offset, size, stride, ...
  kObject,      // TorchScript only; items: its state, one value, once it has been set
};

using PickleId = std::uint32_t;

struct PickleNode {
  PickleKind kind = PickleKind::kNone;
  std::int64_t integer = 0;
  std::string_view scope, text;  // inside the pickle's bytes
  std::vector<PickleId> items;
};

struct PickleOptions {
  // Classes under __torch__ are attribute bags, as TorchScript's archives hold them.
  bool torchscript = false;
};

// A graph of values, in one flat vector: neither making nor destroying it recurses, however deeply a pickle nests. Cycles are possible.
struct Pickle {
  std::vector<PickleNode> nodes;
  PickleId root = 0;
  std::size_t end = 0;  // behind the pickle in the bytes

  const PickleNode& operator[](PickleId id) const { return nodes[id]; }
  // The value of a string key; nullptr where `dict` is no dict or lacks it.
  const PickleNode* find(const PickleNode& dict, std::string_view key) const;
};

// Reads one pickle that begins at `begin`, in time and memory linear in its bytes. The strings point into `bytes`. Throws
// std::runtime_error for one that is truncated, malformed or too large, or that wants to run code.
Pickle read_pickle(std::span<const std::byte> bytes, std::size_t begin, const PickleOptions& options);

}  // namespace clipdex::encoder

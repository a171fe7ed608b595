// What torch.save and TorchScript write (pytorch/pytorch, torch/serialization.py and torch/csrc/jit/serialization): zip archives, and the
// stream of pickles from before PyTorch 1.6. Nothing in them is run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "encoder/tensor_view.h"

namespace clipdex::encoder {

// A tensor as PyTorch has it: a view of a storage, whose elements need not lie in C order.
struct StridedTensor {
  TensorType type = TensorType::kF32;
  std::vector<std::int64_t> shape, strides;  // in elements
  std::span<const std::byte> data;           // from the first element to the last

  bool contiguous() const;
  std::size_t elements() const;
};

struct TorchFile {
  bool torchscript = false;
  // The weights were one part of the file, as training programs write them: its "name", which open_clip makes of the run's options, or "".
  std::optional<std::string> training_run;
  std::map<std::string, StridedTensor> tensors;
};

bool is_zip(std::span<const std::byte> file);
bool is_pickle(std::span<const std::byte> file);

// Names are those of the state_dict, without the "module." of distributed training; a TorchScript archive's are its attributes' paths.
// Throws std::runtime_error that says what is wrong, without the file's name.
TorchFile read_torch_archive(std::span<const std::byte> file);
TorchFile read_legacy_torch_file(std::span<const std::byte> file);

}  // namespace clipdex::encoder

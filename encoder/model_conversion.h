// Any readable model -> a directory of safetensors that transformers (or, for a ModifiedResNet, open_clip) reads as well.
#pragma once

#include <filesystem>
#include <optional>

#include "encoder/model_writer.h"
#include "encoder/tensor_view.h"

namespace clipdex::encoder {

struct ConversionOptions {
  // fp32, fp16 or bf16; nothing: each tensor keeps its own. Normalisation, embeddings, statistics and the temperature stay in fp32 beside
  // half-precision matrices, as openai/CLIP's convert_weights leaves them.
  std::optional<TensorType> type;
  bool replace = false;  // what lies at the destination, if that is a model's directory
  WriteProgress progress;
};

using Conversion = WrittenModel;

// Writes `destination`: configuration, weights, preprocessing and copies of the tokenizer's files. It gives the same embeddings, bit for
// bit where no tensor is narrowed. Tensors go one by one, so memory is bounded. All is written to a directory beside it that is renamed
// when everything is on the disk; a failure leaves nothing.
// Throws std::invalid_argument for a destination that exists and may not be replaced, std::runtime_error for everything else.
Conversion convert_model(const std::filesystem::path& model, const std::filesystem::path& destination, const ConversionOptions& options);

}  // namespace clipdex::encoder

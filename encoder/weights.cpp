#include "encoder/weights.h"

#include <array>
#include <cstdint>
#include <set>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <vector>

namespace clipdex::encoder {
namespace {

// Where a parameter comes from: one tensor, or several concatenated along the first dimension; transposed or as it is.
struct Origin {
  std::vector<std::string> names;
  bool transposed = false;
};

constexpr std::string_view kTextPrefix = "text.";

bool is_ignored(std::string_view name) {
  static constexpr std::array<std::string_view, 5> kSuffixes = {"position_ids", "num_batches_tracked", "input_resolution", "context_length",
                                                                "vocab_size"};
  for (const auto suffix : kSuffixes) {
    if (name.ends_with(suffix)) return true;
  }
  return false;
}

// "transformer.resblocks.3.attn.out_proj.weight" -> "encoder.layers.3.self_attn.out_proj.weight"; in_proj becomes three.
Origin huggingface_block(const std::string& tower, std::string_view rest) {
  const auto dot = rest.find('.');
  const std::string prefix = tower + ".encoder.layers." + std::string(rest.substr(0, dot)) + ".";
  const std::string_view name = rest.substr(dot + 1);
  for (const auto* kind : {"weight", "bias"}) {
    if (name == std::string("attn.in_proj_") + kind) {
      return {{prefix + "self_attn.q_proj." + kind, prefix + "self_attn.k_proj." + kind, prefix + "self_attn.v_proj." + kind}};
    }
  }
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 5> kNames = {{{"ln_1.", "layer_norm1."},
                                                                                           {"ln_2.", "layer_norm2."},
                                                                                           {"attn.out_proj.", "self_attn.out_proj."},
                                                                                           {"mlp.c_fc.", "mlp.fc1."},
                                                                                           {"mlp.c_proj.", "mlp.fc2."}}};
  for (const auto& [ours, theirs] : kNames) {
    if (name.starts_with(ours)) return {{prefix + std::string(theirs) + std::string(name.substr(ours.size()))}};
  }
  throw std::logic_error("no Hugging Face name for " + std::string(rest));
}

Origin huggingface_origin(const std::string& name) {
  static constexpr std::string_view kVisualBlocks = "visual.transformer.resblocks.";
  static constexpr std::string_view kTextBlocks = "text.transformer.resblocks.";
  if (name.starts_with(kVisualBlocks)) return huggingface_block("vision_model", std::string_view(name).substr(kVisualBlocks.size()));
  if (name.starts_with(kTextBlocks)) return huggingface_block("text_model", std::string_view(name).substr(kTextBlocks.size()));
  static const std::map<std::string, Origin> names = {
      {"logit_scale", {{"logit_scale"}}},
      {"visual.class_embedding", {{"vision_model.embeddings.class_embedding"}}},
      {"visual.positional_embedding", {{"vision_model.embeddings.position_embedding.weight"}}},
      {"visual.conv1.weight", {{"vision_model.embeddings.patch_embedding.weight"}}},
      {"visual.ln_pre.weight", {{"vision_model.pre_layrnorm.weight"}}},  // the misspelling is theirs
      {"visual.ln_pre.bias", {{"vision_model.pre_layrnorm.bias"}}},
      {"visual.ln_post.weight", {{"vision_model.post_layernorm.weight"}}},
      {"visual.ln_post.bias", {{"vision_model.post_layernorm.bias"}}},
      {"visual.proj", {{"visual_projection.weight"}, true}},
      {"text.token_embedding.weight", {{"text_model.embeddings.token_embedding.weight"}}},
      {"text.positional_embedding", {{"text_model.embeddings.position_embedding.weight"}}},
      {"text.ln_final.weight", {{"text_model.final_layer_norm.weight"}}},
      {"text.ln_final.bias", {{"text_model.final_layer_norm.bias"}}},
      {"text.text_projection", {{"text_projection.weight"}, true}},
  };
  const auto found = names.find(name);
  if (found == names.end()) throw std::logic_error("no Hugging Face name for " + name);
  return found->second;
}

// OpenAI and open_clip's CLIP have no "text." before the text tower's names, open_clip's CustomTextCLIP has.
Origin openai_origin(const SafetensorsFile& file, const std::string& name) {
  if (name.starts_with(kTextPrefix)) {
    const std::string bare = name.substr(kTextPrefix.size());
    if (file.tensors().contains(bare) || !file.tensors().contains(name)) return {{bare}};
  }
  // The downsampling branch is a ModuleList of two here, "0" and "1" in the reference too.
  return {{name}};
}

at::ScalarType scalar_type(TensorType type) {
  switch (type) {
    case TensorType::kF64:
      return at::kDouble;
    case TensorType::kF32:
      return at::kFloat;
    case TensorType::kF16:
      return at::kHalf;
    case TensorType::kBf16:
      return at::kBFloat16;
    default:
      throw std::runtime_error("it holds " + std::string(tensor_type_name(type)) + ", and weights are floating-point numbers");
  }
}

// fp32 [shape]: the mapped memory itself where that is possible, so that a checkpoint is in memory once.
at::Tensor as_tensor(const SafetensorsFile& file, const TensorView& view) {
  const auto type = scalar_type(view.type);
  const auto alignment = tensor_type_bytes(view.type);
  auto* memory = const_cast<std::byte*>(view.data.data());  // nothing writes to weights
  if (view.data.empty()) return at::empty(view.shape, at::kFloat);
  if (reinterpret_cast<std::uintptr_t>(memory) % alignment != 0) {
    auto copy = at::empty(view.shape, type);
    std::memcpy(copy.data_ptr(), memory, view.data.size());
    return copy.to(at::kFloat);
  }
  const auto mapping = file.mapping();
  return at::from_blob(memory, view.shape, [mapping](void*) {}, at::TensorOptions().dtype(type)).to(at::kFloat);
}

std::string shape_text(at::IntArrayRef shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  return text + "]";
}

class Loader {
 public:
  explicit Loader(const SafetensorsFile& file) : file_(file), huggingface_(has_huggingface_names(file)) {}

  void load(const std::string& name, at::Tensor& parameter) {
    const Origin origin = huggingface_ ? huggingface_origin(name) : openai_origin(file_, name);
    std::vector<at::Tensor> parts;
    for (const auto& source : origin.names) {
      const auto found = file_.tensors().find(source);
      if (found == file_.tensors().end()) {
        missing_.push_back(source);
        continue;
      }
      used_.insert(source);
      try {
        parts.push_back(as_tensor(file_, found->second));
      } catch (const std::runtime_error& error) {
        wrong_.push_back(source + ": " + error.what());
      }
    }
    if (parts.size() != origin.names.size()) return;
    auto value = parts.size() == 1 ? parts.front() : concatenate(origin, parts);
    if (!value.defined()) return;
    if (origin.transposed && value.dim() == 2) value = value.t();
    if (value.numel() == 1 && parameter.dim() == 0) value = value.reshape({});  // logit_scale is [] or [1]
    if (value.sizes() != parameter.sizes()) {
      // Said in the file's own orientation.
      const auto expected = origin.transposed ? parameter.t() : parameter;
      wrong_.push_back(origin.names.front() + " is " + shape_text(parts.front().sizes()) + ", the configuration asks for " +
                       shape_text(parts.size() == 1 ? expected.sizes().vec() : third_of(expected.sizes())));
      return;
    }
    parameter.set_data(value);
  }

  void finish() const {
    std::vector<std::string> surplus;
    for (const auto& [name, view] : file_.tensors()) {
      if (!used_.contains(name) && !is_ignored(name)) surplus.push_back(name);
    }
    std::string problems;
    append(problems, "missing", missing_);
    append(problems, "wrong", wrong_);
    append(problems, "not part of this architecture", surplus);
    if (problems.empty()) return;
    throw std::runtime_error("the weights in " + file_.path().string() + " do not fit the model's configuration. " + problems +
                             " Check that the weights and the configuration belong together and that clipdex supports this architecture.");
  }

 private:
  at::Tensor concatenate(const Origin& origin, const std::vector<at::Tensor>& parts) {
    for (const auto& part : parts) {
      if (part.sizes() == parts.front().sizes() && part.dim() > 0) continue;
      wrong_.push_back(origin.names.front() + ": query, key and value have different shapes");
      return {};
    }
    return at::cat(parts);
  }

  static std::vector<std::int64_t> third_of(at::IntArrayRef shape) {
    auto third = shape.vec();
    third.front() /= 3;
    return third;
  }

  static void append(std::string& text, const std::string& what, const std::vector<std::string>& names) {
    constexpr std::size_t kNamed = 5;
    if (names.empty()) return;
    text +=
        (text.empty() ? "" : " ") + std::to_string(names.size()) + " " + (names.size() == 1 ? "tensor is " : "tensors are ") + what + ": ";
    for (std::size_t i = 0; i < names.size() && i < kNamed; ++i) text += (i == 0 ? "" : ", ") + names[i];
    text += names.size() > kNamed ? ", ..." : ".";
  }

  const SafetensorsFile& file_;
  bool huggingface_;
  std::set<std::string> used_;
  std::vector<std::string> missing_, wrong_;
};

}  // namespace

bool has_huggingface_names(const SafetensorsFile& file) {
  const auto first = file.tensors().lower_bound("vision_model.");
  return first != file.tensors().end() && first->first.starts_with("vision_model.");
}

std::string dominant_type(const SafetensorsFile& file) {
  std::map<TensorType, std::uint64_t> bytes;
  for (const auto& [name, view] : file.tensors()) bytes[view.type] += view.data.size();
  TensorType best = TensorType::kF32;
  for (const auto& [type, count] : bytes) {
    if (count > bytes[best]) best = type;
  }
  return std::string(tensor_type_name(best));
}

void load_weights(ClipModel& model, const SafetensorsFile& file) {
  Loader loader(file);
  for (auto& entry : model.named_parameters()) loader.load(entry.key(), entry.value());
  for (auto& entry : model.named_buffers()) loader.load(entry.key(), entry.value());
  loader.finish();
}

}  // namespace clipdex::encoder

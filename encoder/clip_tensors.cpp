#include "encoder/clip_tensors.h"

#include <array>
#include <map>
#include <set>
#include <span>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace clipdex::encoder {
namespace {

constexpr std::string_view kTextPrefix = "text.";
constexpr std::string_view kVisualBlocks = "visual.transformer.resblocks.";
constexpr std::string_view kTextBlocks = "text.transformer.resblocks.";

class TensorList {
 public:
  void add(const std::string& name, std::vector<std::int64_t> shape) { tensors.push_back({name, std::move(shape)}); }

  void linear(const std::string& name, std::int64_t out, std::int64_t in) {
    add(name + ".weight", {out, in});
    add(name + ".bias", {out});
  }

  void layer_norm(const std::string& name, std::int64_t width) {
    add(name + ".weight", {width});
    add(name + ".bias", {width});
  }

  void convolution_and_norm(const std::string& prefix, const std::string& convolution, const std::string& norm,
                            const std::array<std::int64_t, 3>& out_in_kernel) {
    const auto [out, in, kernel] = out_in_kernel;
    add(prefix + convolution + ".weight", {out, in, kernel, kernel});
    for (const auto* part : {".weight", ".bias", ".running_mean", ".running_var"}) add(prefix + norm + part, {out});
  }

  void transformer(const std::string& name, int layers, std::int64_t width, std::int64_t mlp_width) {
    for (int layer = 0; layer < layers; ++layer) {
      const std::string block = name + ".resblocks." + std::to_string(layer);
      layer_norm(block + ".ln_1", width);
      add(block + ".attn.in_proj_weight", {3 * width, width});
      add(block + ".attn.in_proj_bias", {3 * width});
      linear(block + ".attn.out_proj", width, width);
      layer_norm(block + ".ln_2", width);
      linear(block + ".mlp.c_fc", mlp_width, width);
      linear(block + ".mlp.c_proj", width, mlp_width);
    }
  }

  std::vector<ClipTensor> tensors;
};

void add_vision_transformer(TensorList& list, const VisionConfig& vision, std::int64_t embedding) {
  const std::int64_t width = vision.width, grid = vision.image_size / vision.patch_size;
  list.add("visual.class_embedding", {width});
  list.add("visual.positional_embedding", {grid * grid + 1, width});
  list.add("visual.proj", {width, embedding});
  list.add("visual.conv1.weight", {width, 3, vision.patch_size, vision.patch_size});
  list.layer_norm("visual.ln_pre", width);
  list.transformer("visual.transformer", vision.layers, width, vision.mlp_width);
  list.layer_norm("visual.ln_post", width);
}

void add_resnet(TensorList& list, const VisionConfig& vision, std::int64_t embedding) {
  const std::int64_t width = vision.width;
  list.convolution_and_norm("visual.", "conv1", "bn1", {width / 2, 3, 3});
  list.convolution_and_norm("visual.", "conv2", "bn2", {width / 2, width / 2, 3});
  list.convolution_and_norm("visual.", "conv3", "bn3", {width, width / 2, 3});
  std::int64_t in = width;
  for (std::size_t stage = 0; stage < vision.stage_blocks.size(); ++stage) {
    const std::int64_t planes = width << stage;
    for (int block = 0; block < vision.stage_blocks[stage]; ++block) {
      const std::string prefix = "visual.layer" + std::to_string(stage + 1) + "." + std::to_string(block) + ".";
      list.convolution_and_norm(prefix, "conv1", "bn1", {planes, in, 1});
      list.convolution_and_norm(prefix, "conv2", "bn2", {planes, planes, 3});
      list.convolution_and_norm(prefix, "conv3", "bn3", {4 * planes, planes, 1});
      if (block == 0) list.convolution_and_norm(prefix, "downsample.0", "downsample.1", {4 * planes, in, 1});
      in = 4 * planes;
    }
  }
  const std::int64_t grid = vision.image_size / 32;
  list.add("visual.attnpool.positional_embedding", {grid * grid + 1, in});
  for (const auto* part : {"q_proj", "k_proj", "v_proj"}) list.linear(std::string("visual.attnpool.") + part, in, in);
  list.linear("visual.attnpool.c_proj", embedding, in);
}

// "3.attn.out_proj.weight" -> "encoder.layers.3.self_attn.out_proj.weight"; in_proj becomes three.
TensorOrigin huggingface_block(const std::string& tower, std::string_view rest) {
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

// Buffers that carry no weights.
bool is_ignored(std::string_view name) {
  static constexpr std::array<std::string_view, 5> kSuffixes = {"position_ids", "num_batches_tracked", "input_resolution", "context_length",
                                                                "vocab_size"};
  for (const auto suffix : kSuffixes) {
    if (name.ends_with(suffix)) return true;
  }
  return false;
}

// One tensor's comparison with what the configuration asks for.
class TensorCheck {
 public:
  TensorCheck(const Checkpoint& checkpoint, TensorNaming naming) : checkpoint_(checkpoint), naming_(naming) {}

  void expect(const ClipTensor& tensor) {
    const auto origin = origin_of(checkpoint_, naming_, tensor.name);
    const auto parts = static_cast<std::int64_t>(origin.names.size());
    auto expected = tensor.shape;
    if (parts > 1) expected.front() /= parts;
    if (origin.transposed) std::swap(expected.front(), expected.back());
    for (const auto& name : origin.names) {
      const auto* view = checkpoint_.find(name);
      if (view == nullptr) {
        missing_.push_back(name);
        continue;
      }
      used_.insert(name);
      const bool scalar = expected.empty() && view->shape == std::vector<std::int64_t>{1};  // logit_scale is [] or [1]
      if (!is_floating_point(view->type)) {
        wrong_.push_back(name + " holds " + std::string(tensor_type_name(view->type)) + ", and weights are floating-point numbers");
      } else if (view->shape != expected && !scalar) {
        wrong_.push_back(name + " is " + shape_text(view->shape) + ", the configuration asks for " + shape_text(expected));
      }
    }
  }

  void finish() const {
    std::vector<std::string> surplus;
    for (const auto& [name, view] : checkpoint_.tensors()) {
      if (!used_.contains(name) && !is_ignored(name)) surplus.push_back(name);
    }
    std::string problems;
    append(problems, "missing", missing_);
    append(problems, "wrong", wrong_);
    append(problems, "not part of this architecture", surplus);
    if (problems.empty()) return;
    throw std::runtime_error("the weights in " + checkpoint_.path().string() + " do not fit the model's configuration. " + problems +
                             " Check that the weights and the configuration belong together and that clipdex supports this architecture.");
  }

 private:
  static void append(std::string& text, const std::string& what, const std::vector<std::string>& names) {
    constexpr std::size_t kNamed = 5;
    if (names.empty()) return;
    text +=
        (text.empty() ? "" : " ") + std::to_string(names.size()) + " " + (names.size() == 1 ? "tensor is " : "tensors are ") + what + ": ";
    for (std::size_t i = 0; i < names.size() && i < kNamed; ++i) text += (i == 0 ? "" : ", ") + names[i];
    text += names.size() > kNamed ? ", ..." : ".";
  }

  const Checkpoint& checkpoint_;
  TensorNaming naming_;
  std::set<std::string> used_;
  std::vector<std::string> missing_, wrong_;
};

}  // namespace

std::vector<ClipTensor> clip_tensors(const ClipConfig& config) {
  TensorList list;
  const std::int64_t embedding = config.embedding_dimension, width = config.text.width;
  if (config.vision.kind == VisionKind::kResNet) {
    add_resnet(list, config.vision, embedding);
  } else {
    add_vision_transformer(list, config.vision, embedding);
  }
  list.add("text.token_embedding.weight", {config.text.vocabulary_size, width});
  list.add("text.positional_embedding", {config.text.context_length, width});
  list.transformer("text.transformer", config.text.layers, width, config.text.mlp_width);
  list.layer_norm("text.ln_final", width);
  list.add("text.text_projection", {width, embedding});
  list.add("logit_scale", {});
  return std::move(list.tensors);
}

std::optional<TensorNaming> naming_of(const Checkpoint& checkpoint) {
  const auto begins = [&](const std::string& prefix) {
    const auto first = checkpoint.tensors().lower_bound(prefix);
    return first != checkpoint.tensors().end() && first->first.starts_with(prefix);
  };
  if (begins("vision_model.")) return TensorNaming::kHuggingFace;
  if (begins("visual.")) return TensorNaming::kOpenAi;
  return std::nullopt;
}

TensorOrigin huggingface_origin(const std::string& name) {
  if (name.starts_with(kVisualBlocks)) return huggingface_block("vision_model", std::string_view(name).substr(kVisualBlocks.size()));
  if (name.starts_with(kTextBlocks)) return huggingface_block("text_model", std::string_view(name).substr(kTextBlocks.size()));
  static const std::map<std::string, TensorOrigin> names = {
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
  // A ResNet's tensors have no such names; a checkpoint with Hugging Face's names lacks them.
  return found == names.end() ? TensorOrigin{{name}} : found->second;
}

TensorOrigin origin_of(const Checkpoint& checkpoint, TensorNaming naming, const std::string& name) {
  if (naming == TensorNaming::kHuggingFace) return huggingface_origin(name);
  // OpenAI and open_clip's CLIP have no "text." before the text tower's names, open_clip's CustomTextCLIP has.
  if (name.starts_with(kTextPrefix)) {
    std::string bare = name.substr(kTextPrefix.size());
    if (checkpoint.find(bare) != nullptr || checkpoint.find(name) == nullptr) return {{std::move(bare)}};
  }
  return {{name}};
}

void check_tensors(const Checkpoint& checkpoint, const ClipConfig& config) {
  const auto naming = naming_of(checkpoint);
  if (!naming) {
    throw std::runtime_error(
        "the weights in " + checkpoint.path().string() +
        " are not those of a CLIP: neither a tensor of \"visual.\" (openai/CLIP, open_clip) nor of \"vision_model.\" " +
        "(transformers) is there");
  }
  TensorCheck check(checkpoint, *naming);
  for (const auto& tensor : clip_tensors(config)) check.expect(tensor);
  check.finish();
}

}  // namespace clipdex::encoder

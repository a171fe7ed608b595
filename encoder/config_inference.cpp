#include "encoder/config_inference.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "encoder/model_files.h"
#include "encoder/published_models.h"

namespace clipdex::encoder {
namespace {

constexpr int kHeadWidth = 64;
constexpr int kFeaturesPerWidth = 32;  // of a ResNet
constexpr int kStride = 32;            // of a ResNet: pixels a position
constexpr int kLayersMax = 256;

class Shapes {
 public:
  Shapes(const Checkpoint& checkpoint, TensorNaming naming) : checkpoint_(checkpoint), naming_(naming) {}

  bool has(const std::string& name) const { return checkpoint_.find(origin_of(checkpoint_, naming_, name).names.front()) != nullptr; }

  // Size `dimension` of the tensor that we call `name`, which has `rank` dimensions; in our orientation.
  int size(const std::string& name, std::size_t rank, std::size_t dimension) const {
    const auto origin = origin_of(checkpoint_, naming_, name);
    const auto* view = checkpoint_.find(origin.names.front());
    if (view == nullptr) fail("tensor \"" + origin.names.front() + "\" is missing");
    if (view->shape.size() != rank) fail("tensor \"" + origin.names.front() + "\" is " + shape_text(view->shape));
    const auto size = view->shape[origin.transposed ? rank - 1 - dimension : dimension];
    if (size < 1 || size > INT32_MAX) fail("tensor \"" + origin.names.front() + "\" is " + shape_text(view->shape));
    return static_cast<int>(size);
  }

  // How many of PREFIX0SUFFIX, PREFIX1SUFFIX, ... there are.
  int count(const std::string& prefix, const std::string& suffix) const {
    int count = 0;
    while (count <= kLayersMax && has(std::string(prefix).append(std::to_string(count)).append(suffix))) ++count;
    return count;
  }

  // The side of a square grid with one position more.
  int grid(const std::string& name) const {
    const int positions = size(name, 2, 0) - 1;
    const int side = static_cast<int>(std::lround(std::sqrt(static_cast<double>(positions))));
    if (side < 1 || side * side != positions)
      fail(name + " has " + std::to_string(positions + 1) + " rows, which is no square grid and one");
    return side;
  }

  [[noreturn]] void fail(const std::string& what) const {
    throw std::runtime_error("cannot tell the model's configuration from the weights in " + checkpoint_.path().string() + ": " + what +
                             ". Put the model's config.json or open_clip_config.json beside them");
  }

 private:
  const Checkpoint& checkpoint_;
  TensorNaming naming_;
};

VisionConfig infer_resnet(const Shapes& shapes) {
  VisionConfig vision{.kind = VisionKind::kResNet};
  vision.width = shapes.size("visual.layer1.0.conv1.weight", 4, 0);
  if (vision.width > 16'384) shapes.fail("its image tower is impossibly wide");
  vision.heads = std::max(1, vision.width * kFeaturesPerWidth / kHeadWidth);
  vision.image_size = shapes.grid("visual.attnpool.positional_embedding") * kStride;
  for (std::size_t stage = 0; stage < vision.stage_blocks.size(); ++stage) {
    vision.stage_blocks[stage] = shapes.count("visual.layer" + std::to_string(stage + 1) + ".", ".conv1.weight");
  }
  return vision;
}

VisionConfig infer_transformer(const Shapes& shapes) {
  VisionConfig vision;
  vision.width = shapes.size("visual.conv1.weight", 4, 0);
  vision.patch_size = shapes.size("visual.conv1.weight", 4, 3);
  const int grid = shapes.grid("visual.positional_embedding");
  if (vision.patch_size > 4096 || grid > 4096) shapes.fail("its patches are impossibly large or many");
  vision.image_size = grid * vision.patch_size;
  vision.layers = shapes.count("visual.transformer.resblocks.", ".ln_1.weight");
  vision.heads = std::max(1, vision.width / vision_head_width(vision.width, vision.layers));
  vision.mlp_width = shapes.size("visual.transformer.resblocks.0.mlp.c_fc.weight", 2, 0);
  return vision;
}

ClipConfig infer_config(const Shapes& shapes) {
  ClipConfig config;
  if (shapes.has("visual.proj")) {
    config.vision = infer_transformer(shapes);
  } else if (shapes.has("visual.layer1.0.conv1.weight")) {
    config.vision = infer_resnet(shapes);
  } else {
    shapes.fail("its image tower is neither CLIP's Vision Transformer nor its ResNet");
  }
  config.embedding_dimension = shapes.size("text.text_projection", 2, 1);
  config.text.context_length = shapes.size("text.positional_embedding", 2, 0);
  config.text.vocabulary_size = shapes.size("text.token_embedding.weight", 2, 0);
  config.text.width = shapes.size("text.token_embedding.weight", 2, 1);
  config.text.heads = std::max(1, config.text.width / kHeadWidth);
  config.text.layers = shapes.count("text.transformer.resblocks.", ".ln_1.weight");
  config.text.mlp_width = shapes.size("text.transformer.resblocks.0.mlp.c_fc.weight", 2, 0);
  return config;
}

// What training runs decided and shapes do not show.
struct Traits {
  Activation activation = Activation::kGelu;
  bool half_mean = false;  // mean and deviation 0.5 instead of OpenAI's
  bool squash = false;
};

std::string lower_case(std::string_view text) {
  std::string lower;
  for (const char c : text) lower += c == '_' ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower;
}

bool has_openai_name(const std::string& name) {
  static constexpr std::array<std::string_view, 9> kNames = {"rn50",     "rn101",    "rn50x4",   "rn50x16",       "rn50x64",
                                                             "vit-b-32", "vit-b-16", "vit-l-14", "vit-l-14-336px"};
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end() || name.find("openai") != std::string::npos;
}

// By the names that open_clip (open_clip/pretrained.py) and the models' pages give the runs. `name` is in lower case with hyphens.
std::optional<Traits> traits_of_name(const std::string& name, const VisionConfig& vision) {
  const auto says = [&](std::string_view part) { return name.find(part) != std::string::npos; };
  const auto quick_unless = [](bool otherwise) { return otherwise ? Activation::kGelu : Activation::kQuickGelu; };
  std::optional<Traits> traits;
  if (says("metaclip")) {
    const bool second = says("metaclip2") || says("metaclip-2");
    const bool large = vision.image_size == 378 || vision.width == 1664;
    traits = {.activation = quick_unless(says("altogether") || (second && large)), .squash = second && vision.image_size == 378};
  } else if (says("dfn2b") || says("dfn5b")) {
    traits = {.activation = quick_unless(says("dfn2b-s39b")), .squash = says("dfn5b")};
  } else if (says("laion400m") || says("laion-400m")) {
    traits = {.activation = quick_unless(vision.patch_size != 32)};
  } else if (says("laion2b") || says("laion-2b")) {
    traits = {.activation = Activation::kGelu, .half_mean = vision.width == 1024 && vision.patch_size == 14};
  } else if (says("laion5b") || says("laion-5b") || says("datacomp") || says("commonpool")) {
    traits = Traits{};
  } else if (says("yfcc15m") || says("cc12m") || has_openai_name(name)) {
    traits = {.activation = Activation::kQuickGelu};
  }
  if (says("quickgelu") || says("quick-gelu")) {
    if (!traits) traits = Traits{};
    traits->activation = Activation::kQuickGelu;
  }
  return traits;
}

}  // namespace

InferredModel infer_model(const Checkpoint& checkpoint, TensorNaming naming) {
  const Shapes shapes(checkpoint, naming);
  InferredModel model{.config = infer_config(shapes), .preprocessing = {}, .assumption = {}};
  auto& vision = model.config.vision;
  Traits traits;
  if (checkpoint.container() == Container::kTorchScript) {
    traits.activation = Activation::kQuickGelu;  // OpenAI's own
  } else {
    const auto& path = checkpoint.path();
    std::optional<Traits> known;
    for (const auto& name : {checkpoint_name(path), checkpoint.training_run().value_or(""), path.parent_path().filename().string()}) {
      if (!known) known = traits_of_name(lower_case(name), vision);
    }
    if (!known) {
      known = {.activation = naming == TensorNaming::kHuggingFace ? Activation::kQuickGelu : Activation::kGelu};
      model.assumption = "the activation is taken for " + std::string(activation_name(known->activation)) +
                         " with OpenAI's mean and deviation, since neither the weights nor their names tell: put the model's " +
                         (naming == TensorNaming::kHuggingFace ? "config.json" : "open_clip_config.json") + " beside them if that is wrong";
    }
    traits = *known;
  }
  vision.activation = model.config.text.activation = traits.activation;
  try {
    validate(model.config);
  } catch (const std::invalid_argument& error) {
    shapes.fail(error.what());
  }
  auto& preprocessing = model.preprocessing;
  preprocessing.width = preprocessing.height = preprocessing.resize_to = vision.image_size;
  if (naming == TensorNaming::kHuggingFace) preprocessing.convention = PreprocessingConvention::kHuggingFace;
  if (traits.squash) preprocessing.resize_mode = ResizeMode::kSquash;
  if (traits.half_mean) preprocessing.mean = preprocessing.std = {0.5F, 0.5F, 0.5F};
  return model;
}

}  // namespace clipdex::encoder

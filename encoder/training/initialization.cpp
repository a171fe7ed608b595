#include "encoder/training/initialization.h"

#include <torch/torch.h>

#include <cmath>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>

#include "encoder/training/random_stream.h"

namespace clipdex::training {
namespace {

std::uint64_t name_key(std::string_view name) {
  std::uint64_t hash = 0xCBF29CE484222325;  // FNV-1a
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3;
  return hash;
}

void fill_normal(const at::Tensor& tensor, double deviation, RandomStream random) {
  auto* values = tensor.data_ptr<float>();
  for (std::int64_t i = 0; i < tensor.numel(); ++i) values[i] = static_cast<float>(deviation * random.normal());
}

void fill_uniform(const at::Tensor& tensor, double bound, RandomStream random) {
  auto* values = tensor.data_ptr<float>();
  for (std::int64_t i = 0; i < tensor.numel(); ++i) values[i] = static_cast<float>(random.uniform(-bound, bound));
}

// Inputs of one output: of [out, in, kernel, kernel] in * kernel * kernel.
double fan_in(const at::Tensor& weight) { return static_cast<double>(weight.numel()) / static_cast<double>(weight.size(0)); }

bool ends_with_any(std::string_view name, std::initializer_list<std::string_view> ends) {
  for (const auto end : ends) {
    if (name.ends_with(end)) return true;
  }
  return false;
}

class Initializer {
 public:
  Initializer(const TrainableClip& model, std::uint64_t seed) : config_(model.config()), seed_(seed) {
    for (const auto& [name, tensor] : model.parameters()) weights_.emplace(name, tensor);
  }

  void fill(const std::string& name, const at::Tensor& tensor) const {
    const RandomStream random{seed_, static_cast<std::uint64_t>(RandomUse::kInitialization), name_key(name)};
    const bool bias = name.ends_with("bias");
    if (name == "logit_scale") {
      tensor.fill_(kInitialLogitScale);
    } else if (is_norm(name)) {
      // OpenAI starts each residual branch of a ResNet at nothing.
      tensor.fill_(bias || (name.find(".layer") != std::string::npos && name.ends_with("bn3.weight")) ? 0 : 1);
    } else if (ends_with_any(name, {"in_proj_bias", "out_proj.bias"})) {
      tensor.zero_();
    } else if (bias) {
      fill_uniform(tensor, 1 / std::sqrt(fan_in(weights_.at(name.substr(0, name.size() - 4) + "weight"))), random);
    } else if (name.starts_with("text.")) {
      fill_normal(tensor, text_deviation(name), random);
    } else {
      fill_visual(name, tensor, random);
    }
  }

 private:
  static bool is_norm(std::string_view name) {
    return name.find(".ln_") != std::string_view::npos || name.find(".bn") != std::string_view::npos ||
           name.find("downsample.1.") != std::string_view::npos;
  }

  double text_deviation(std::string_view name) const {
    const double width = config_.text.width, layers = config_.text.layers;
    if (name.ends_with("token_embedding.weight")) return 0.02;
    if (name.ends_with("positional_embedding")) return 0.01;
    if (ends_with_any(name, {"out_proj.weight", "c_proj.weight"})) return 1 / std::sqrt(width * 2 * layers);
    if (name.ends_with("c_fc.weight")) return 1 / std::sqrt(2 * width);
    return 1 / std::sqrt(width);  // in_proj_weight, text_projection
  }

  void fill_visual(std::string_view name, const at::Tensor& tensor, const RandomStream& random) const {
    constexpr int kFeaturesPerWidth = 32;
    const bool resnet = config_.vision.kind == encoder::VisionKind::kResNet;
    const double width = resnet ? config_.vision.width * kFeaturesPerWidth : config_.vision.width;
    if (ends_with_any(name, {"class_embedding", "positional_embedding", "visual.proj"}) || name.find("attnpool.") != std::string_view::npos)
      return fill_normal(tensor, 1 / std::sqrt(width), random);
    // xavier_uniform_ of torch.nn.MultiheadAttention
    if (name.ends_with("in_proj_weight"))
      return fill_uniform(tensor, std::sqrt(6.0 / static_cast<double>(tensor.size(0) + tensor.size(1))), random);
    fill_uniform(tensor, 1 / std::sqrt(fan_in(tensor)), random);  // kaiming_uniform_(a = sqrt(5)) of Linear and Conv2d
  }

  const encoder::ClipConfig& config_;
  std::uint64_t seed_;
  std::map<std::string, at::Tensor> weights_;
};

}  // namespace

void initialize(TrainableClip& model, std::uint64_t seed) {
  const torch::NoGradGuard no_gradients;
  const Initializer initializer(model, seed);
  for (const auto& [name, tensor] : model.parameters()) initializer.fill(name, tensor);
  for (const auto& [name, tensor] : model.buffers()) at::Tensor(tensor).fill_(name.ends_with("running_var") ? 1 : 0);
}

}  // namespace clipdex::training

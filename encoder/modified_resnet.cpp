#include "encoder/modified_resnet.h"

#include <string>

namespace clipdex::encoder {
namespace {

NormalizedConvolution normalized_convolution(std::int64_t in, std::int64_t out, std::int64_t kernel, std::int64_t stride = 1) {
  return {.convolution = std::make_shared<Convolution>(
              Convolution::Options{.in = in, .out = out, .kernel = kernel, .stride = stride, .padding = kernel / 2}),
          .norm = std::make_shared<BatchNorm>(out),
          .kernel = nullptr};
}

at::Tensor average_pool(const at::Tensor& x, std::int64_t size) { return size > 1 ? at::avg_pool2d(x, {size, size}) : x; }

}  // namespace

at::Tensor NormalizedConvolution::normalized(const at::Tensor& x) const {
  auto y = convolution->forward(x);
  return convolution->folded_bias.defined() ? y : norm->forward(y);
}

at::Tensor NormalizedConvolution::forward(const at::Tensor& x) const { return kernel ? kernel->forward(x) : normalized(x); }

at::Tensor NormalizedConvolution::forward_relu(const at::Tensor& x) const {
  return kernel ? kernel->forward_relu(x) : normalized(x).relu_();
}

at::Tensor NormalizedConvolution::forward_add_relu(const at::Tensor& x, at::Tensor y) const {
  if (!kernel) return normalized(x).add_(y).relu_();
  kernel->add_relu_to(y, x);
  return y;
}

// (conv(x) - mean) / sqrt(var + eps) * weight + bias is a convolution again: its weight and bias.
std::pair<at::Tensor, at::Tensor> NormalizedConvolution::folded() const {
  const auto scale = norm->weight / (norm->running_var + BatchNorm::kEpsilon).sqrt();
  return {convolution->weight * scale.view({-1, 1, 1, 1}), norm->bias - norm->running_mean * scale};
}

void NormalizedConvolution::reduce(at::Device device, at::ScalarType type) {
  const auto [weight, bias] = folded();
  convolution->weight.set_data(weight.to(device, type));
  convolution->folded_bias = bias.to(device, type);
}

void NormalizedConvolution::prepare(std::int64_t side) {
  const auto [weight, bias] = folded();
  const auto& options = convolution->options;
  kernel = std::make_unique<ConvolutionKernel>(
      weight, bias, ConvolutionKernel::Options{.stride = options.stride, .padding = options.padding, .side = side});
  convolution->weight.set_data(at::empty({0}));
}

Bottleneck::Bottleneck(std::int64_t in, std::int64_t planes, std::int64_t stride_)
    : first(normalized_convolution(in, planes, /*kernel=*/1)),
      second(normalized_convolution(planes, planes, /*kernel=*/3)),
      third(normalized_convolution(planes, planes * kExpansion, /*kernel=*/1)),
      stride(stride_) {
  register_module("conv1", first.convolution);
  register_module("bn1", first.norm);
  register_module("conv2", second.convolution);
  register_module("bn2", second.norm);
  register_module("conv3", third.convolution);
  register_module("bn3", third.norm);
  if (stride > 1 || in != planes * kExpansion) {
    downsample = normalized_convolution(in, planes * kExpansion, /*kernel=*/1);
    // The reference's Sequential names its members "-1" (the pool, without parameters), "0" and "1".
    auto list = register_module("downsample", std::make_shared<torch::nn::ModuleListImpl>());
    list->push_back(downsample->convolution);
    list->push_back(downsample->norm);
  }
}

at::Tensor Bottleneck::forward(const at::Tensor& x) const {
  const auto out = average_pool(second.forward_relu(first.forward_relu(x)), stride);
  return third.forward_add_relu(out, downsample ? downsample->forward(average_pool(x, stride)) : x);
}

void Bottleneck::prepare(std::int64_t side) {
  first.prepare(side);
  second.prepare(side);
  third.prepare(side / stride);
  if (downsample) downsample->prepare(side / stride);
}

void Bottleneck::reduce(at::Device device, at::ScalarType type) {
  for (auto* part : {&first, &second, &third}) part->reduce(device, type);
  if (downsample) downsample->reduce(device, type);
}

AttentionPool::AttentionPool(std::int64_t grid, std::int64_t width, std::int64_t heads_, std::int64_t embedding_dimension)
    : positional_embedding(register_parameter("positional_embedding", at::empty({grid * grid + 1, width}), /*requires_grad=*/false)),
      q_proj(register_module("q_proj", std::make_shared<Linear>(width, width))),
      k_proj(register_module("k_proj", std::make_shared<Linear>(width, width))),
      v_proj(register_module("v_proj", std::make_shared<Linear>(width, width))),
      c_proj(register_module("c_proj", std::make_shared<Linear>(width, embedding_dimension))),
      heads(heads_) {}

at::Tensor AttentionPool::forward(const at::Tensor& x) const {
  const auto n = x.size(0);
  const auto width = x.size(1);
  auto tokens = x.flatten(2).transpose(1, 2).to(positional_embedding.scalar_type());  // [n, grid * grid, width]
  // The mean is taken before the positional embedding is added.
  tokens = at::cat({tokens.mean(/*dim=*/1, /*keepdim=*/true), tokens}, /*dim=*/1).add_(positional_embedding);
  const auto split = [&](const at::Tensor& projected) {  // -> [n, heads, tokens, head width]
    return projected.view({n, -1, heads, width / heads}).transpose(1, 2);
  };
  const auto query = split(q_proj->forward(tokens.narrow(/*dim=*/1, /*start=*/0, /*length=*/1)));
  const auto pooled = at::scaled_dot_product_attention(query, split(k_proj->forward(tokens)), split(v_proj->forward(tokens)));
  return c_proj->forward(pooled.transpose(1, 2).reshape({n, width}));
}

ModifiedResNet::ModifiedResNet(const VisionConfig& config, int embedding_dimension)
    : first(normalized_convolution(3, config.width / 2, /*kernel=*/3, /*stride=*/2)),
      second(normalized_convolution(config.width / 2, config.width / 2, /*kernel=*/3)),
      third(normalized_convolution(config.width / 2, config.width, /*kernel=*/3)),
      image_size(config.image_size) {
  const std::int64_t width = config.width;
  register_module("conv1", first.convolution);
  register_module("conv2", second.convolution);
  register_module("conv3", third.convolution);
  register_module("bn1", first.norm);
  register_module("bn2", second.norm);
  register_module("bn3", third.norm);
  std::int64_t in = width;
  for (std::size_t stage = 0; stage < config.stage_blocks.size(); ++stage) {
    auto list = register_module("layer" + std::to_string(stage + 1), std::make_shared<torch::nn::ModuleListImpl>());
    const std::int64_t planes = width << stage;
    for (int i = 0; i < config.stage_blocks[stage]; ++i) {
      blocks.push_back(std::make_shared<Bottleneck>(in, planes, /*stride=*/stage > 0 && i == 0 ? 2 : 1));
      list->push_back(blocks.back());
      in = planes * Bottleneck::kExpansion;
    }
  }
  attnpool = register_module("attnpool", std::make_shared<AttentionPool>(config.image_size / 32, in, config.heads, embedding_dimension));
}

void ModifiedResNet::prepare() {
  first.prepare(image_size);
  std::int64_t side = image_size / 2;
  second.prepare(side);
  third.prepare(side);
  side /= 2;
  for (const auto& block : blocks) {
    block->prepare(side);
    side /= block->stride;
  }
}

void ModifiedResNet::reduce(at::Device device, at::ScalarType type) {
  for (auto* part : {&first, &second, &third}) part->reduce(device, type);
  for (const auto& block : blocks) block->reduce(device, type);
}

at::Tensor ModifiedResNet::forward(const at::Tensor& pixels) const {
  auto x = average_pool(third.forward_relu(second.forward_relu(first.forward_relu(pixels))), /*size=*/2);
  for (const auto& block : blocks) x = block->forward(x);
  return attnpool->forward(x);
}

}  // namespace clipdex::encoder

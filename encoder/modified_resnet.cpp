#include "encoder/modified_resnet.h"

#include <string>

namespace clipdex::encoder {
namespace {

std::shared_ptr<Convolution> convolution(std::int64_t in, std::int64_t out, std::int64_t kernel, std::int64_t stride = 1) {
  return std::make_shared<Convolution>(
      Convolution::Options{.in = in, .out = out, .kernel = kernel, .stride = stride, .padding = kernel / 2});
}

at::Tensor average_pool(const at::Tensor& x, std::int64_t size) { return size > 1 ? at::avg_pool2d(x, {size, size}) : x; }

}  // namespace

Bottleneck::Bottleneck(std::int64_t in, std::int64_t planes, std::int64_t stride_)
    : conv1(register_module("conv1", convolution(in, planes, /*kernel=*/1))),
      conv2(register_module("conv2", convolution(planes, planes, /*kernel=*/3))),
      conv3(register_module("conv3", convolution(planes, planes * kExpansion, /*kernel=*/1))),
      bn1(register_module("bn1", std::make_shared<BatchNorm>(planes))),
      bn2(register_module("bn2", std::make_shared<BatchNorm>(planes))),
      bn3(register_module("bn3", std::make_shared<BatchNorm>(planes * kExpansion))),
      stride(stride_) {
  if (stride > 1 || in != planes * kExpansion) {
    downsample_convolution = convolution(in, planes * kExpansion, /*kernel=*/1);
    downsample_norm = std::make_shared<BatchNorm>(planes * kExpansion);
    // The reference's Sequential names its members "-1" (the pool, without parameters), "0" and "1".
    auto downsample = register_module("downsample", std::make_shared<torch::nn::ModuleListImpl>());
    downsample->push_back(downsample_convolution);
    downsample->push_back(downsample_norm);
  }
}

at::Tensor Bottleneck::forward(const at::Tensor& x) const {
  auto out = bn1->forward(conv1->forward(x)).relu_();
  out = bn2->forward(conv2->forward(out)).relu_();
  out = bn3->forward(conv3->forward(average_pool(out, stride)));
  const auto identity = downsample_convolution ? downsample_norm->forward(downsample_convolution->forward(average_pool(x, stride))) : x;
  return out.add_(identity).relu_();
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
  auto tokens = x.flatten(2).transpose(1, 2);  // [n, grid * grid, width]
  // The mean is taken before the positional embedding is added.
  tokens = at::cat({tokens.mean(/*dim=*/1, /*keepdim=*/true), tokens}, /*dim=*/1).add_(positional_embedding);
  const auto split = [&](const at::Tensor& projected) {  // -> [n, heads, tokens, head width]
    return projected.view({n, -1, heads, width / heads}).transpose(1, 2);
  };
  const auto query = split(q_proj->forward(tokens.narrow(/*dim=*/1, /*start=*/0, /*length=*/1)));
  const auto pooled = at::scaled_dot_product_attention(query, split(k_proj->forward(tokens)), split(v_proj->forward(tokens)));
  return c_proj->forward(pooled.transpose(1, 2).reshape({n, width}));
}

ModifiedResNet::ModifiedResNet(const VisionConfig& config, int embedding_dimension) {
  const std::int64_t width = config.width;
  conv1 = register_module("conv1", convolution(3, width / 2, /*kernel=*/3, /*stride=*/2));
  conv2 = register_module("conv2", convolution(width / 2, width / 2, /*kernel=*/3));
  conv3 = register_module("conv3", convolution(width / 2, width, /*kernel=*/3));
  bn1 = register_module("bn1", std::make_shared<BatchNorm>(width / 2));
  bn2 = register_module("bn2", std::make_shared<BatchNorm>(width / 2));
  bn3 = register_module("bn3", std::make_shared<BatchNorm>(width));
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

at::Tensor ModifiedResNet::forward(const at::Tensor& pixels) const {
  auto x = bn1->forward(conv1->forward(pixels)).relu_();
  x = bn2->forward(conv2->forward(x)).relu_();
  x = average_pool(bn3->forward(conv3->forward(x)).relu_(), /*size=*/2);
  for (const auto& block : blocks) x = block->forward(x);
  return attnpool->forward(x);
}

}  // namespace clipdex::encoder

#include "encoder/training/resnet_training.h"

namespace clipdex::training {
namespace {

using encoder::AttentionPool;
using encoder::BatchNorm;
using encoder::NormalizedConvolution;

at::Tensor average_pool(const at::Tensor& x, std::int64_t size) { return size > 1 ? at::avg_pool2d(x, {size, size}) : x; }

at::Tensor convolve(const NormalizedConvolution& layer, const at::Tensor& x, BatchStatistics statistics) {
  constexpr double kMomentum = 0.1;  // torch.nn.BatchNorm2d's
  const auto y = layer.convolution->forward(x);
  const auto& norm = *layer.norm;
  const bool given = !statistics.of_batch || statistics.update;
  return at::batch_norm(y, norm.weight, norm.bias, given ? norm.running_mean : at::Tensor(), given ? norm.running_var : at::Tensor(),
                        statistics.of_batch, kMomentum, BatchNorm::kEpsilon, /*cudnn_enabled=*/true);
}

at::Tensor convolve_relu(const NormalizedConvolution& layer, const at::Tensor& x, BatchStatistics statistics) {
  return convolve(layer, x, statistics).relu_();
}

at::Tensor attention_pool(const AttentionPool& pool, const at::Tensor& x) {
  const auto n = x.size(0), width = x.size(1);
  const auto positions = x.flatten(2).transpose(1, 2);  // [n, grid * grid, width]
  // The mean is taken before the positional embedding is added.
  const auto tokens = at::cat({positions.mean(/*dim=*/1, /*keepdim=*/true), positions}, /*dim=*/1).add(pool.positional_embedding);
  const auto project = [&](const encoder::Linear& layer, const at::Tensor& of) {  // -> [n, heads, tokens, head width]
    return at::linear(of, layer.weight, layer.bias).view({n, -1, pool.heads, width / pool.heads}).transpose(1, 2);
  };
  const auto pooled = at::scaled_dot_product_attention(project(*pool.q_proj, tokens.narrow(/*dim=*/1, /*start=*/0, /*length=*/1)),
                                                       project(*pool.k_proj, tokens), project(*pool.v_proj, tokens));
  return at::linear(pooled.transpose(1, 2).reshape({n, width}), pool.c_proj->weight, pool.c_proj->bias);
}

}  // namespace

at::Tensor run_resnet(const encoder::ModifiedResNet& tower, const at::Tensor& pixels, BatchStatistics statistics) {
  auto x = convolve_relu(tower.first, pixels, statistics);
  x = convolve_relu(tower.second, x, statistics);
  x = average_pool(convolve_relu(tower.third, x, statistics), /*size=*/2);
  for (const auto& block : tower.blocks) {
    auto y = convolve_relu(block->first, x, statistics);
    y = average_pool(convolve_relu(block->second, y, statistics), block->stride);
    y = convolve(block->third, y, statistics);
    x = y.add(block->downsample ? convolve(*block->downsample, average_pool(x, block->stride), statistics) : x).relu_();
  }
  return attention_pool(*tower.attnpool, x);
}

}  // namespace clipdex::training

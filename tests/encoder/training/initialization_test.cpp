#include "encoder/training/initialization.h"

#include <torch/torch.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <cmath>
#include <map>
#include <string>

#include "encoder/training/adamw.h"
#include "encoder/training/learning_rate.h"
#include "encoder/training/loss_scale.h"

namespace {

namespace training = clipdex::training;
using Catch::Matchers::WithinAbs;
using Catch::Matchers::WithinRel;

std::map<std::string, at::Tensor> initialized(const clipdex::encoder::ClipConfig& config, std::uint64_t seed) {
  training::TrainableClip model(config);
  training::initialize(model, seed);
  std::map<std::string, at::Tensor> tensors;
  for (const auto& [name, tensor] : model.parameters()) tensors.emplace(name, tensor.detach());
  for (const auto& [name, tensor] : model.buffers()) tensors.emplace(name, tensor);
  return tensors;
}

clipdex::encoder::ClipConfig small_vit() {
  clipdex::encoder::ClipConfig config;
  config.embedding_dimension = 64;
  config.vision.image_size = 64;
  config.vision.width = 128;
  config.vision.heads = 2;
  config.vision.layers = 2;
  config.vision.mlp_width = 512;
  config.text.vocabulary_size = 1000;
  config.text.width = 128;
  config.text.heads = 2;
  config.text.layers = 3;
  config.text.mlp_width = 512;
  return config;
}

}  // namespace

TEST_CASE("weights begin with OpenAI's deviations") {
  const auto tensors = initialized(small_vit(), 1);
  const auto deviation = [&](const std::string& name) { return tensors.at(name).std().item<double>(); };
  CHECK_THAT(deviation("text.token_embedding.weight"), WithinRel(0.02, 0.05));
  CHECK_THAT(deviation("text.positional_embedding"), WithinRel(0.01, 0.05));
  CHECK_THAT(deviation("text.transformer.resblocks.0.attn.in_proj_weight"), WithinRel(std::pow(128, -0.5), 0.05));
  CHECK_THAT(deviation("text.transformer.resblocks.1.attn.out_proj.weight"), WithinRel(std::pow(128, -0.5) * std::pow(6, -0.5), 0.05));
  CHECK_THAT(deviation("text.transformer.resblocks.2.mlp.c_proj.weight"), WithinRel(std::pow(128, -0.5) * std::pow(6, -0.5), 0.05));
  CHECK_THAT(deviation("text.transformer.resblocks.2.mlp.c_fc.weight"), WithinRel(std::pow(256, -0.5), 0.05));
  CHECK_THAT(deviation("text.text_projection"), WithinRel(std::pow(128, -0.5), 0.05));
  CHECK_THAT(deviation("visual.proj"), WithinRel(std::pow(128, -0.5), 0.05));
  // xavier_uniform over [3 width, width], and kaiming_uniform(sqrt 5): bounds, not deviations.
  const auto largest = [&](const std::string& name) { return tensors.at(name).abs().max().item<double>(); };
  CHECK_THAT(largest("visual.transformer.resblocks.0.attn.in_proj_weight"), WithinRel(std::sqrt(6.0 / (4 * 128)), 0.02));
  CHECK_THAT(largest("visual.transformer.resblocks.0.mlp.c_proj.weight"), WithinRel(std::pow(512, -0.5), 0.02));
  CHECK_THAT(largest("visual.conv1.weight"), WithinRel(std::pow(3 * 32 * 32, -0.5), 0.02));
  CHECK(largest("text.transformer.resblocks.0.attn.in_proj_bias") == 0);
  CHECK(largest("text.transformer.resblocks.0.mlp.c_fc.bias") > 0.08);
  CHECK(tensors.at("visual.ln_pre.weight").eq(1).all().item<bool>());
  CHECK_THAT(tensors.at("logit_scale").item<double>(), WithinAbs(std::log(1 / 0.07), 1e-6));
}

TEST_CASE("each residual branch of a ResNet begins at nothing") {
  clipdex::encoder::ClipConfig config = small_vit();
  config.vision = {.kind = clipdex::encoder::VisionKind::kResNet, .image_size = 64, .width = 16, .heads = 8, .stage_blocks = {1, 2, 1, 1}};
  const auto tensors = initialized(config, 1);
  CHECK(tensors.at("visual.layer2.1.bn3.weight").eq(0).all().item<bool>());
  CHECK(tensors.at("visual.bn3.weight").eq(1).all().item<bool>());  // the stem's
  CHECK(tensors.at("visual.layer1.0.downsample.1.weight").eq(1).all().item<bool>());
  CHECK(tensors.at("visual.bn1.running_var").eq(1).all().item<bool>());
  CHECK_THAT(tensors.at("visual.attnpool.q_proj.weight").std().item<double>(), WithinRel(std::pow(32 * 16, -0.5), 0.05));
}

TEST_CASE("the seed decides the weights, and each tensor has its own") {
  const auto one = initialized(small_vit(), 1), same = initialized(small_vit(), 1), other = initialized(small_vit(), 2);
  const std::string name = "text.transformer.resblocks.0.attn.in_proj_weight", next = "text.transformer.resblocks.1.attn.in_proj_weight";
  CHECK(one.at(name).equal(same.at(name)));
  CHECK_FALSE(one.at(name).equal(other.at(name)));
  CHECK_FALSE(one.at(name).equal(one.at(next)));
}

TEST_CASE("matrices decay; gains, biases, the class token and the temperature do not") {
  const training::TrainableClip model(small_vit());
  std::map<std::string, bool> decays;
  for (const auto& parameter : model.parameters()) decays[parameter.name] = training::AdamW::decays(parameter);
  CHECK(decays.at("visual.conv1.weight"));
  CHECK(decays.at("text.token_embedding.weight"));
  CHECK(decays.at("visual.positional_embedding"));
  CHECK(decays.at("text.transformer.resblocks.0.mlp.c_fc.weight"));
  CHECK_FALSE(decays.at("visual.class_embedding"));
  CHECK_FALSE(decays.at("text.ln_final.weight"));
  CHECK_FALSE(decays.at("text.transformer.resblocks.0.mlp.c_fc.bias"));
  CHECK_FALSE(decays.at("logit_scale"));
}

TEST_CASE("the learning rate rises evenly and falls along half a cosine") {
  CHECK_THAT(training::learning_rate(0, 100, 10, 1), WithinRel(0.1, 1e-12));
  CHECK_THAT(training::learning_rate(9, 100, 10, 1), WithinRel(1.0, 1e-12));
  CHECK_THAT(training::learning_rate(10, 100, 10, 1), WithinRel(1.0, 1e-12));
  CHECK_THAT(training::learning_rate(55, 100, 10, 1), WithinRel(0.5, 1e-12));
  CHECK(training::learning_rate(99, 100, 10, 1) < 0.001);
  CHECK(training::learning_rate(0, 5, 0, 1) == 1);
}

TEST_CASE("the loss scale is halved when a gradient overflows and grows after 2,000 good steps") {
  training::LossScale scale{.factor = 1024};
  scale.overflow();
  CHECK(scale.factor == 512);
  for (int i = 0; i < 1999; ++i) scale.good();
  CHECK(scale.factor == 512);
  scale.good();
  CHECK(scale.factor == 1024);
}

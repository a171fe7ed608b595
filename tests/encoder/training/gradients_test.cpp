// Loss, gradients and a step of AdamW against PyTorch with open_clip's model and loss (tests/parity/make_training_fixtures.py).
#include <torch/torch.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "encoder/config_files.h"
#include "encoder/training/adamw.h"
#include "encoder/training/batch_tensors.h"
#include "encoder/training/contrastive_loss.h"
#include "encoder/training/trainable_clip.h"
#include "tests/parity/formula_weights.h"
#include "tests/temporary_directory.h"

namespace {

namespace training = clipdex::training;
using nlohmann::json;

struct Reference {
  json fixture;
  std::unique_ptr<training::TrainableClip> model;
  at::Tensor pixels;
  training::TextTensors texts;
};

// The name that open_clip has for it.
std::string reference_name(const std::string& name) { return name.starts_with("text.") ? name.substr(5) : name; }

Reference open_reference(const std::string& name) {
  Reference reference;
  std::ifstream(std::filesystem::path(CLIPDEX_SOURCE_DIR) / "tests/encoder/training/fixtures" / (name + ".json")) >> reference.fixture;
  const clipdex::tests::TemporaryDirectory directory;
  const auto file = directory.path() / "open_clip_config.json";
  std::ofstream(file) << json{{"model_cfg", reference.fixture.at("model_cfg")}, {"preprocess_cfg", json::object()}};
  const auto config = clipdex::encoder::read_open_clip_config(file);
  reference.model = std::make_unique<training::TrainableClip>(config);
  const auto fill = [](const training::TrainableClip::Named& named) {
    const torch::NoGradGuard no_gradients;
    const auto values = clipdex::tests::formula_weights(reference_name(named.name), static_cast<std::size_t>(named.tensor.numel()));
    at::Tensor(named.tensor).copy_(at::tensor(values).reshape(named.tensor.sizes()));
  };
  for (const auto& named : reference.model->parameters()) fill(named);
  for (const auto& named : reference.model->buffers()) fill(named);
  const auto pairs = reference.fixture.at("pairs").get<std::int64_t>();
  const std::int64_t side = config.vision.image_size;
  std::vector<float> pixels(static_cast<std::size_t>(pairs * 3 * side * side));
  for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = 2 * clipdex::tests::formula_number(clipdex::tests::fnv1a("pixels"), i);
  reference.pixels = at::tensor(pixels).reshape({pairs, 3, side, side});
  std::vector<std::vector<std::int32_t>> tokens;
  for (const auto& row : reference.fixture.at("tokens")) {
    auto ids = row.get<std::vector<std::int32_t>>();
    while (ids.back() == 0) ids.pop_back();
    tokens.push_back(std::move(ids));
  }
  reference.texts = training::text_tensors(tokens, at::kCPU);
  return reference;
}

training::EncodePairs encoder_of(const Reference& reference) {
  return [&](std::int64_t first, std::int64_t count, training::Pass pass) {
    const bool update = pass != training::Pass::kFeatures;
    return training::Features{.image = reference.model->encode_image(reference.pixels.narrow(0, first, count), /*training=*/true, update),
                              .text = reference.model->encode_text(reference.texts.tokens.narrow(0, first, count),
                                                                   reference.texts.pooled_at.narrow(0, first, count))};
  };
}

// The reference computed in fp64, so what differs is our fp32: errors are measured against the tensor's own size.
void check_tensor(const std::string& name, const at::Tensor& tensor, const json& expected, double tolerance) {
  INFO(name);
  const auto flat = tensor.detach().to(at::kDouble).flatten();
  const double norm = expected.at("norm").get<double>();
  const double typical = norm / std::sqrt(static_cast<double>(flat.numel()));
  CHECK_THAT(flat.norm().item<double>(), Catch::Matchers::WithinAbs(norm, tolerance * norm + 1e-6));
  const auto& values = expected.at("values");
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto at = static_cast<std::int64_t>(i * static_cast<std::size_t>(flat.numel() - 1) / (values.size() - 1));
    const double value = values[i].get<double>();
    CHECK_THAT(flat[at].item<double>(), Catch::Matchers::WithinAbs(value, tolerance * (std::abs(value) + 10 * typical) + 1e-7));
  }
}

}  // namespace

TEST_CASE("loss, gradients and an AdamW step are PyTorch's") {
  const std::string name = GENERATE("training_vit", "training_vit_gelu", "training_resnet");
  INFO(name);
  auto reference = open_reference(name);
  const auto pairs = reference.pixels.size(0);
  const auto& adamw = reference.fixture.at("adamw");
  training::AdamW optimizer(
      *reference.model,
      {.beta1 = adamw.at("beta1"), .beta2 = adamw.at("beta2"), .epsilon = adamw.at("eps"), .weight_decay = adamw.at("weight_decay")});
  const double loss = training::backward_contrastive(encoder_of(reference), pairs, pairs, reference.model->logit_scale());
  constexpr double kTolerance = 1e-5;
  CHECK_THAT(loss, Catch::Matchers::WithinRel(reference.fixture.at("loss").get<double>(), kTolerance));
  // Batch statistics of six pictures cancel digits in the reference's arithmetic too.
  const double tolerance = name == "training_resnet" ? 1e-4 : kTolerance;
  for (const auto& [parameter, tensor] : reference.model->parameters())
    check_tensor(parameter, tensor.grad(), reference.fixture.at("gradients").at(reference_name(parameter)), tolerance);
  optimizer.step(adamw.at("lr"));
  for (const auto& [parameter, tensor] : reference.model->parameters()) {
    // The bias of keys adds the same to all of a query's scores: its gradient is nothing but rounding, which AdamW makes whole steps of.
    if (parameter.ends_with("in_proj_bias") || parameter.ends_with("k_proj.bias")) continue;
    check_tensor(parameter, tensor, reference.fixture.at("after_step").at(reference_name(parameter)), tolerance);
  }
  for (const auto& [buffer, tensor] : reference.model->buffers())
    check_tensor(buffer, tensor, reference.fixture.at("buffers").at(reference_name(buffer)), kTolerance);
}

TEST_CASE("micro-batches give the whole batch's gradient") {
  const std::int64_t micro_batch = GENERATE(1, 2, 4);  // 4: the last one is smaller
  auto reference = open_reference("training_vit");
  const auto pairs = reference.pixels.size(0);
  const double whole = training::backward_contrastive(encoder_of(reference), pairs, pairs, reference.model->logit_scale());
  std::vector<at::Tensor> expected;
  for (const auto& named : reference.model->parameters()) {
    expected.push_back(named.tensor.grad().clone());
    named.tensor.mutable_grad().reset();
  }
  const double accumulated = training::backward_contrastive(encoder_of(reference), pairs, micro_batch, reference.model->logit_scale());
  CHECK_THAT(accumulated, Catch::Matchers::WithinRel(whole, 1e-6));
  const auto parameters = reference.model->parameters();
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    INFO(parameters[i].name);
    REQUIRE(parameters[i].tensor.grad().defined());
    CHECK((parameters[i].tensor.grad() - expected[i]).norm().item<double>() <= 1e-5 * expected[i].norm().item<double>() + 1e-8);
  }
}

TEST_CASE("running statistics move once a step, whatever the micro-batches") {
  auto whole = open_reference("training_resnet"), parted = open_reference("training_resnet");
  const auto pairs = whole.pixels.size(0);
  training::backward_contrastive(encoder_of(parted), pairs, pairs / 2, parted.model->logit_scale());
  const auto before = open_reference("training_resnet").model->buffers();
  const auto after = parted.model->buffers();
  for (std::size_t i = 0; i < after.size(); ++i) {
    INFO(after[i].name);
    // Two parts, two moves of a tenth: 0.81 of what was there is left, not 0.6561.
    if (!after[i].name.starts_with("visual.bn1.running_var")) continue;
    CHECK((after[i].tensor >= 0.81 * before[i].tensor).all().item<bool>());
    CHECK_FALSE(after[i].tensor.equal(before[i].tensor));
  }
}

TEST_CASE("a frozen tower has no gradient, and the other one has") {
  auto reference = open_reference("training_vit");
  reference.model->freeze(/*image=*/true, /*text=*/false);
  const auto pairs = reference.pixels.size(0);
  const std::int64_t micro_batch = GENERATE(6, 2);
  training::backward_contrastive(encoder_of(reference), pairs, micro_batch, reference.model->logit_scale());
  for (const auto& [name, tensor] : reference.model->parameters()) {
    INFO(name);
    CHECK(tensor.grad().defined() == !name.starts_with("visual."));
  }
}

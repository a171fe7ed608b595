#include "encoder/model_conversion.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "encoder/checkpoint.h"
#include "encoder/model_directory.h"
#include "tests/encoder/golden_embeddings.h"
#include "tests/encoder/torch_files.h"
#include "tests/temporary_directory.h"

namespace {

namespace fs = std::filesystem;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;
using namespace clipdex::tests;
using clipdex::encoder::convert_model;
using clipdex::encoder::open_model;
using clipdex::encoder::TensorType;

}  // namespace

TEST_CASE("a converted model gives the same embeddings, bit for bit, from every layout") {
  const TemporaryDirectory directory;
  const auto source = directory.path() / "source", out = directory.path() / "out", back = directory.path() / "back";
  const std::string layout = GENERATE("open_clip", "Hugging Face", "OpenAI", "ResNet");
  CAPTURE(layout);
  if (layout == "open_clip") write_golden_vit_as_open_clip(source);
  if (layout == "Hugging Face") write_golden_vit_as_huggingface(source);
  if (layout == "ResNet") write_golden_resnet_as_open_clip(source);
  if (layout == "OpenAI") {
    fs::create_directories(source);
    write_bytes(source / "ViT.pt", torchscript_archive(golden_vit()));
  }
  convert_model(source, out, {});
  CHECK(golden_embeddings(out) == golden_embeddings(source));
  CHECK(describe(open_model(out).directory.preprocessing) == describe(open_model(source).directory.preprocessing));
  convert_model(out, back, {.type = TensorType::kF32});
  CHECK(golden_embeddings(back) == golden_embeddings(source));
  CHECK(open_model(back).checkpoint.content_hash() == open_model(out).checkpoint.content_hash());
}

TEST_CASE("narrowing makes half what OpenAI makes half, and the result stays close") {
  const TemporaryDirectory directory;
  write_golden_resnet_as_open_clip(directory.path() / "resnet");
  write_golden_vit_as_open_clip(directory.path() / "vit");
  for (const auto type : {TensorType::kF16, TensorType::kBf16}) {
    convert_model(directory.path() / "resnet", directory.path() / "out", {.type = type, .replace = true});
    const auto resnet = open_model(directory.path() / "out");
    for (const auto* name : {"visual.conv1.weight", "visual.layer1.0.downsample.0.weight", "visual.attnpool.q_proj.bias", "text_projection",
                             "transformer.resblocks.0.attn.in_proj_bias", "transformer.resblocks.0.mlp.c_fc.weight"}) {
      INFO(name);
      CHECK(resnet.checkpoint.find(name)->type == type);
    }
    for (const auto* name :
         {"visual.bn1.weight", "visual.layer1.0.downsample.1.running_var", "visual.attnpool.positional_embedding", "token_embedding.weight",
          "positional_embedding", "ln_final.weight", "transformer.resblocks.0.ln_1.bias", "logit_scale"}) {
      INFO(name);
      CHECK(resnet.checkpoint.find(name)->type == TensorType::kF32);
    }
    convert_model(directory.path() / "vit", directory.path() / "out", {.type = type, .replace = true});
    const auto vit = open_model(directory.path() / "out");
    CHECK(vit.checkpoint.find("visual_projection.weight")->type == type);
    CHECK(vit.checkpoint.find("text_model.encoder.layers.0.self_attn.q_proj.weight")->type == type);
    CHECK(vit.checkpoint.find("vision_model.embeddings.class_embedding")->type == TensorType::kF32);
    CHECK(vit.checkpoint.find("vision_model.pre_layrnorm.weight")->type == TensorType::kF32);
    const double close = type == TensorType::kF16 ? 1e-2 : 1e-1;
    CHECK(largest_difference_of(golden_embeddings(directory.path() / "out"), golden_embeddings(directory.path() / "vit")) < close);
  }
}

TEST_CASE("the tokenizer's and preprocessing's files come along") {
  const TemporaryDirectory directory;
  const auto source = fs::path(CLIPDEX_SOURCE_DIR) / "models/emoji-clip";
  convert_model(source, directory.path() / "out", {});
  const clipdex::encoder::ClipEncoder before(source), after(directory.path() / "out");
  REQUIRE(after.tokenizer() != nullptr);
  const std::vector<std::string> texts = {"a red apple", "狗"};
  CHECK(after.encode_texts(texts).values == before.encode_texts(texts).values);
  CHECK(describe(after.preprocessing()) == describe(before.preprocessing()));
  CHECK(after.config() == before.config());
}

TEST_CASE("only a model's directory is replaced, and only when asked for") {
  const TemporaryDirectory directory;
  write_golden_vit_as_open_clip(directory.path() / "model");
  const auto refused = [&](const fs::path& out, bool replace, const std::string& message) {
    CHECK_THROWS_MATCHES(convert_model(directory.path() / "model", out, {.type = {}, .replace = replace}), std::invalid_argument,
                         MessageMatches(ContainsSubstring(message)));
  };
  const auto home = directory.path() / "home", file = directory.path() / "file";
  fs::create_directories(home / "letters");
  write_bytes(file, "x");
  refused(home, false, "exists already");
  refused(home, true, "not a model's directory");
  refused(file, true, "not a model's directory");
  write_bytes(home / "config.json", "{}");
  refused(home, true, "not a model's directory");  // it holds other directories
  CHECK(fs::exists(home / "letters"));
  // In place.
  const auto before = golden_embeddings(directory.path() / "model");
  convert_model(directory.path() / "model", directory.path() / "model", {.type = {}, .replace = true});
  CHECK(fs::exists(directory.path() / "model/model.safetensors"));
  CHECK(golden_embeddings(directory.path() / "model") == before);
}

TEST_CASE("a conversion that fails leaves nothing") {
  const TemporaryDirectory directory;
  write_golden_vit_as_open_clip(directory.path() / "model");
  auto weights = golden_vit();
  weights.erase("logit_scale");
  write_safetensors(directory.path() / "model/open_clip_model.safetensors", weights);
  CHECK_THROWS_AS(convert_model(directory.path() / "model", directory.path() / "out", {}), std::runtime_error);
  write_golden_vit_as_open_clip(directory.path() / "model");
  const clipdex::encoder::ConversionOptions stopped{
      .type = {}, .replace = false, .progress = [](std::uint64_t, std::uint64_t) { throw std::runtime_error("stopped"); }};
  CHECK_THROWS_AS(convert_model(directory.path() / "model", directory.path() / "out", stopped), std::runtime_error);
  CHECK(std::distance(fs::directory_iterator(directory.path()), {}) == 1);
}

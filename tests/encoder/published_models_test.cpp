#include "encoder/published_models.h"

#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "encoder/clip_tensors.h"
#include "encoder/config_files.h"
#include "tests/temporary_directory.h"

namespace {

using clipdex::encoder::Activation;
using clipdex::encoder::ClipConfig;
using clipdex::encoder::published_config;
using clipdex::encoder::published_names;
using clipdex::tests::TemporaryDirectory;

// Of the model whole and of its image tower; counted in OpenAI's and open_clip's implementations (clip_facts, section 2).
struct Counts {
  const char* name;
  std::uint64_t parameters, visual;
};

}  // namespace

TEST_CASE("the published models have the parameters that their implementations count") {
  static constexpr Counts kCounts[] = {
      {"RN50", 102'007'137, 38'316'896},     {"RN101", 119'688'033, 56'259'936},     {"RN50x4", 178'300'601, 87'137'080},
      {"RN50x16", 290'979'217, 167'328'912}, {"RN50x64", 623'258'305, 420'380'352},  {"ViT-B/32", 151'277'313, 87'849'216},
      {"ViT-B/16", 149'620'737, 86'192'640}, {"ViT-L/14", 427'616'513, 303'966'208}, {"ViT-L/14@336", 427'944'193, 304'293'888},
  };
  for (const auto& counts : kCounts) {
    INFO(counts.name);
    const auto config = published_config(counts.name);
    REQUIRE(config);
    CHECK(clipdex::encoder::parameter_count(*config) == counts.parameters);
    CHECK(clipdex::encoder::visual_parameter_count(*config) == counts.visual);
  }
  const auto millions = [](const char* name) {
    return std::round(static_cast<double>(clipdex::encoder::parameter_count(*published_config(name))) / 1e4) / 100;
  };
  CHECK(millions("ViT-H/14") == 986.11);
  CHECK(millions("ViT-bigG/14") == 2539.57);
}

TEST_CASE("a model's parameters are its tensors but for running statistics") {
  for (const auto& name : published_names()) {
    INFO(name);
    const auto config = *published_config(name);
    std::uint64_t parameters = 0;
    for (const auto& tensor : clipdex::encoder::clip_tensors(config)) {
      std::uint64_t elements = 1;
      for (const auto size : tensor.shape) elements *= static_cast<std::uint64_t>(size);
      if (tensor.name.find("running_") == std::string::npos) parameters += elements;
    }
    CHECK(parameters == clipdex::encoder::parameter_count(config));
  }
}

TEST_CASE("a published configuration is found by both spellings, and its name by its numbers") {
  for (const auto& name : published_names()) {
    INFO(name);
    CHECK(clipdex::encoder::architecture_name(*published_config(name)) == name);
    CHECK(clipdex::encoder::architecture_name(*published_config(name + "-quickgelu")) == name);
    CHECK_NOTHROW(clipdex::encoder::validate(*published_config(name)));
  }
  CHECK(published_config("ViT-L-14-336") == published_config("ViT-L/14@336px"));
  CHECK(published_config("ViT-B-32-quickgelu") == published_config("ViT-B/32-quickgelu"));
  CHECK(published_config("ViT-B-32-quickgelu")->text.activation == Activation::kQuickGelu);
  CHECK(published_config("ViT-B-32")->vision.activation == Activation::kGelu);
  CHECK(!published_config("ViT-Z/1"));
  CHECK(published_config("ViT-bigG/14")->vision.heads == 16);
  CHECK(published_config("RN50x16")->vision.heads == 48);
}

TEST_CASE("a configuration survives being written to each layout's file and read back") {
  const TemporaryDirectory directory;
  const auto file = directory.path() / "config.json";
  for (const auto& name : published_names()) {
    for (const auto* suffix : {"", "-quickgelu"}) {
      auto config = *published_config(name + suffix);
      INFO(name << suffix);
      for (const int end_token : {-1, 49407}) {
        config.text.end_token = end_token;
        const auto open_clip = clipdex::encoder::open_clip_config_text(config, "{}");
        REQUIRE(open_clip);
        std::ofstream(file) << *open_clip;
        CHECK(describe(clipdex::encoder::read_open_clip_config(file)) == describe(config));
        const auto huggingface = clipdex::encoder::huggingface_config_text(config, 49406, "float32");
        CHECK(huggingface.has_value() == name.starts_with("ViT"));
        if (!huggingface) continue;
        std::ofstream(file) << *huggingface;
        CHECK(clipdex::encoder::read_huggingface_config(file) == config);
      }
    }
  }
}

TEST_CASE("an odd epsilon is written exactly, and where a layout has no words for it not at all") {
  const TemporaryDirectory directory;
  const auto file = directory.path() / "config.json";
  auto config = *published_config("ViT-B/32");
  config.vision.layer_norm_epsilon = 1e-6F;
  config.text.layer_norm_epsilon = 3.3e-5F;
  std::ofstream(file) << *clipdex::encoder::huggingface_config_text(config, std::nullopt, "float32");
  CHECK(clipdex::encoder::read_huggingface_config(file) == config);
  CHECK(!clipdex::encoder::open_clip_config_text(config, "{}"));
}

TEST_CASE("transformers' defaults, its second spelling of sections and its wrong end token are understood") {
  const TemporaryDirectory directory;
  const auto file = directory.path() / "config.json";
  const auto read = [&](const nlohmann::json& config) {
    std::ofstream(file) << config.dump();
    return clipdex::encoder::read_huggingface_config(file);
  };
  auto expected = *published_config("ViT-B/32-quickgelu");
  expected.text.end_token = 49407;
  CHECK(read({{"model_type", "clip"}}) == expected);
  // The dict replaces the section, and null is no dict.
  CHECK(read({{"text_config", {{"num_hidden_layers", 3}}}, {"text_config_dict", {{"num_hidden_layers", 4}}}}).text.layers == 4);
  CHECK(read({{"text_config", {{"num_hidden_layers", 3}}}, {"text_config_dict", nullptr}}).text.layers == 3);
  CHECK(read({{"text_config", {{"eos_token_id", 2}}}}).text.end_token == -1);
  CHECK(read({{"text_config", {{"eos_token_id", 7}}}}).text.end_token == 7);
}

TEST_CASE("an open_clip configuration may name its model, and says which architectures are others") {
  const TemporaryDirectory directory;
  const auto file = directory.path() / "open_clip_config.json";
  const auto read = [&](const nlohmann::json& config) {
    std::ofstream(file) << config.dump();
    return clipdex::encoder::read_open_clip_config(file);
  };
  CHECK(read({{"model_cfg", "ViT-H-14-quickgelu"}}) == published_config("ViT-H/14-quickgelu"));
  CHECK_THROWS_AS(read({{"model_cfg", "ViT-Z"}}), std::runtime_error);
  for (const auto* key : {"timm_model_name", "attentional_pool", "no_ln_pre", "norm_kwargs"}) {
    INFO(key);
    CHECK_THROWS_AS(read({{"model_cfg", {{"vision_cfg", {{key, {{"eps", 1}}}}}}}}), std::runtime_error);
  }
  CHECK(read({{"model_cfg", {{"text_cfg", {{"pool_type", "eos"}}}}}}).text.end_token == 2);
}

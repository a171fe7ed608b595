#include "encoder/config_files.h"

#include <sys/stat.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>

#include "encoder/preprocessing.h"
#include "tests/temporary_directory.h"

namespace {

namespace fs = std::filesystem;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;
using clipdex::tests::TemporaryDirectory;
using nlohmann::json;

class ConfigFile {
 public:
  const fs::path& write(const std::string& text) const {
    std::ofstream(file_, std::ios::binary) << text;
    return file_;
  }
  const fs::path& path() const { return file_; }

 private:
  TemporaryDirectory directory_;
  fs::path file_ = directory_.path() / "settings.json";
};

using Reader = std::function<void(const fs::path&)>;

// Everything that reads a model's description.
const std::vector<Reader>& readers() {
  static const std::vector<Reader> all = {
      [](const fs::path& file) { clipdex::encoder::is_huggingface_config(file); },
      [](const fs::path& file) { clipdex::encoder::read_huggingface_config(file); },
      [](const fs::path& file) { clipdex::encoder::read_open_clip_config(file); },
      [](const fs::path& file) { clipdex::encoder::read_huggingface_preprocessing(file, 224); },
      [](const fs::path& file) { clipdex::encoder::read_open_clip_preprocessing(file, 224); },
  };
  return all;
}

void check_refused(const Reader& read, const fs::path& file, const std::string& message) {
  INFO(message);
  CHECK_THROWS_MATCHES(read(file), std::runtime_error, MessageMatches(ContainsSubstring(message) && ContainsSubstring("settings.json")));
}

json with(const std::string& section, const std::string& key, const json& value) {
  json config = {{"model_cfg", {{"embed_dim", 512}, {"vision_cfg", json::object()}, {"text_cfg", json::object()}}}};
  (section.empty() ? config["model_cfg"] : config["model_cfg"][section])[key] = value;
  return config;
}

}  // namespace

TEST_CASE("a description that nests 300,000 deep is refused, not followed") {
  const ConfigFile file;
  const std::string deep = std::string(300'000, '[') + std::string(300'000, ']');
  for (const auto& text : {R"({"text_config":{"x":)" + deep + "}}", R"({"model_cfg":{"x":)" + deep + "}}",
                           R"({"preprocess_cfg":{"x":)" + deep + R"(},"clipdex":{"x":)" + deep + "}}"}) {
    for (const auto& read : readers()) check_refused(read, file.write(text), "nested more than 16 deep");
  }
}

TEST_CASE("a description of more values or bytes than any model's is refused") {
  const ConfigFile file;
  std::string many = "{\"x\":[0";
  for (int i = 0; i < 1'000'000; ++i) many += ",0";
  check_refused(readers()[1], file.write(many + "]}"), "more than 1000000 values");
  check_refused(readers()[1], file.write("{\"x\":\"" + std::string(std::size_t{17} << 20, 'x') + "\"}"), "over 16777216 bytes");
}

TEST_CASE("a pipe in a description's place is refused without waiting for its other end") {
  const ConfigFile file;
  REQUIRE(::mkfifo(file.path().c_str(), 0600) == 0);
  for (const auto& read : readers()) check_refused(read, file.path(), "not a regular file");
}

TEST_CASE("numbers beyond 64 bits' signed half are no small negative ones") {
  const ConfigFile file;
  const auto& read = readers();
  check_refused(read[1], file.write(R"({"text_config":{"eos_token_id":18446744073709551615}})"), "\"eos_token_id\" is not a whole number");
  check_refused(read[2], file.write(R"({"model_cfg":{"vision_cfg":{"layers":[18446744073709551615,1,1,1]}}})"), "four whole numbers");
  check_refused(read[3], file.write(R"({"resample":4294967299})"), "\"resample\" is not a whole number");
}

TEST_CASE("keys of open_clip that change what is computed are refused by name, known or not") {
  const ConfigFile file;
  const struct {
    const char *section, *key;
    json value;
  } cases[] = {
      {"vision_cfg", "global_average_pool", true},
      {"vision_cfg", "pool_type", "avg"},
      {"vision_cfg", "pos_embed_type", "sin_cos_2d"},
      {"vision_cfg", "norm_kwargs", {{"eps", 1e-6}}},
      {"vision_cfg", "ls_init_value", 1e-4},
      {"vision_cfg", "scale_fc", true},
      {"vision_cfg", "invented_tomorrow", 1},
      {"text_cfg", "tokenizer_kwargs", {{"clean", "canonicalize"}}},
      {"text_cfg", "tokenizer_mode", "clips"},
      {"text_cfg", "hf_model_name", "xlm-roberta-base"},
      {"text_cfg", "no_causal_mask", true},
      {"text_cfg", "embed_cls", true},
      {"text_cfg", "proj_type", "none"},
      {"text_cfg", "invented_tomorrow", "yes"},
      {"", "multimodal_cfg", {{"width", 768}}},
      {"", "init_logit_bias", -10},
  };
  for (const auto& test : cases) {
    INFO(test.key);
    check_refused(readers()[2], file.write(with(test.section, test.key, test.value).dump()), "\"" + std::string(test.key) + "\"");
  }
}

TEST_CASE("keys of open_clip that change nothing are read over") {
  const ConfigFile file;
  const auto plain = clipdex::encoder::read_open_clip_config(file.write(with("", "embed_dim", 512).dump()));
  const struct {
    const char *section, *key;
    json value;
  } cases[] = {
      // Defaults, switched off, or about training and other kinds of towers.
      {"vision_cfg", "global_average_pool", false},
      {"vision_cfg", "attentional_pool", false},
      {"vision_cfg", "attn_pooler_queries", 256},
      {"vision_cfg", "pool_type", "tok"},
      {"vision_cfg", "pos_embed_type", "learnable"},
      {"vision_cfg", "norm_kwargs", {{"eps", 1e-5}}},
      {"vision_cfg", "act_kwargs", json::object()},
      {"vision_cfg", "ls_init_value", nullptr},
      {"vision_cfg", "patch_dropout", 0.5},
      {"vision_cfg", "output_tokens", true},
      {"vision_cfg", "timm_model_name", nullptr},
      {"vision_cfg", "timm_pool", "avg"},
      {"text_cfg", "tokenizer_kwargs", {{"clean", "lower"}}},
      {"text_cfg", "tokenizer_kwargs", json::object()},
      {"text_cfg", "hf_tokenizer_name", "openai/clip-vit-base-patch32"},
      {"text_cfg", "hf_model_pretrained", true},
      {"text_cfg", "pad_id", 0},
      {"text_cfg", "proj_type", "linear"},
      {"text_cfg", "block_type", "default"},
      {"", "custom_text", true},
      {"", "init_logit_bias", nullptr},
  };
  for (const auto& test : cases) {
    INFO(test.key);
    CHECK(clipdex::encoder::read_open_clip_config(file.write(with(test.section, test.key, test.value).dump())) == plain);
  }
}

TEST_CASE("a tokenizer of another vocabulary is used as its model says, which clipdex need not know") {
  const ConfigFile file;
  // open_clip's ViT-L-14-worldwide, MetaCLIP 2.
  auto config = with("text_cfg", "hf_tokenizer_name", "google/mt5-base");
  auto& text = config["model_cfg"]["text_cfg"];
  text["tokenizer_kwargs"] = {{"clean", "canonicalize"}};
  text["vocab_size"] = 250100;
  CHECK(clipdex::encoder::read_open_clip_config(file.write(config.dump())).text.vocabulary_size == 250100);
  text["vocab_size"] = 49408;
  check_refused(readers()[2], file.write(config.dump()), "tokenizer_kwargs");
}

TEST_CASE("a model that open_clip's configuration names and clipdex does not know is told which ones it knows") {
  const ConfigFile file;
  check_refused(readers()[2], file.write(R"({"model_cfg":"ViT-Z-1"})"), "ViT-bigG/14");
}

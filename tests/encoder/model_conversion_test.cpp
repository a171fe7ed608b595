#include "encoder/model_conversion.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <fstream>
#include <nlohmann/json.hpp>

#include "encoder/checkpoint.h"
#include "encoder/model_directory.h"
#include "encoder/new_directory.h"
#include "encoder/tokenizer.h"
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
  const auto source = fs::path(CLIPDEX_SOURCE_DIR) / "tests/data/emoji-clip";
  convert_model(source, directory.path() / "out", {});
  const clipdex::encoder::ClipEncoder before(source), after(directory.path() / "out");
  REQUIRE(after.tokenizer() != nullptr);
  const std::vector<std::string> texts = {"a red apple", "狗"};
  CHECK(after.encode_texts(texts).values == before.encode_texts(texts).values);
  CHECK(describe(after.preprocessing()) == describe(before.preprocessing()));
  CHECK(after.config() == before.config());
}

TEST_CASE("OpenAI's merges are spelled out for transformers, and are the same tokenizer") {
  const TemporaryDirectory directory;
  const auto source = directory.path() / "source", out = directory.path() / "out";
  const auto data = fs::path(CLIPDEX_SOURCE_DIR) / "tests/data";
  fs::create_directories(source);
  // The golden model has fewer tokens than OpenAI's vocabulary: more rows, which no test looks at, make it the model of one.
  auto weights = golden_vit();
  auto& embedding = weights.at("token_embedding.weight");
  const auto width = static_cast<std::size_t>(embedding.shape[1]);
  embedding = float_tensor({49408, embedding.shape[1]}, std::vector<float>(49408 * width));
  write_bytes(source / "ViT.pt", torchscript_archive(weights));
  fs::copy_file(data / "bpe_simple_vocab_16e6.txt.gz", source / "bpe_simple_vocab_16e6.txt.gz");
  write_bytes(source / "vocab.json", "{}");  // half of a pair
  convert_model(source / "ViT.pt", out, {});
  using clipdex::encoder::Tokenizer;
  const auto before = Tokenizer::open(source);
  const auto after = Tokenizer::from_vocabulary(out / "vocab.json", out / "merges.txt");
  CHECK(after.vocabulary_size() == 49408);
  std::ifstream stream(data / "clip_token_vectors.json");
  const auto rows = nlohmann::json::parse(stream)["rows"];
  REQUIRE(rows.size() > 50);
  for (const auto& row : rows) {
    const auto text = row["text"].get<std::string>();
    INFO(text);
    CHECK(after.encode(text) == before.encode(text));
  }
  std::ifstream vocabulary(out / "vocab.json");
  const auto ids = nlohmann::json::parse(vocabulary);
  CHECK(ids.at("!") == 0);
  CHECK(ids.at("!</w>") == 256);
  CHECK(ids.at("in") == 512);
  CHECK(ids.at("<|startoftext|>") == 49406);
  CHECK(ids.at("<|endoftext|>") == 49407);
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
  write_golden_vit_as_open_clip(home);
  refused(home, true, "not a model's directory");  // it holds other directories
  CHECK(fs::exists(home / "letters"));
  fs::remove(home / "letters");
  write_bytes(home / "letter.txt", "x");
  refused(home, true, "not a model's directory");  // and other files
  CHECK(fs::exists(home / "letter.txt"));
  const auto settings = directory.path() / "settings";
  fs::create_directories(settings);
  write_bytes(settings / "config.json", R"({"theme": "dark"})");
  refused(settings, true, "not a model's directory");
  write_bytes(settings / "model.safetensors", "some other program's");
  refused(settings, true, "not a model's directory");
  fs::create_directory_symlink(directory.path() / "model", directory.path() / "link");
  for (const auto* name : {"link", "link/"}) refused(directory.path() / name, true, "not a model's directory");
  // In place.
  const auto before = golden_embeddings(directory.path() / "model");
  convert_model(directory.path() / "model", directory.path() / "model", {.type = {}, .replace = true});
  CHECK(fs::exists(directory.path() / "model/model.safetensors"));
  CHECK(golden_embeddings(directory.path() / "model") == before);
}

TEST_CASE("a destination that no directory can be made at is refused before anything is read") {
  const TemporaryDirectory directory;
  for (const auto* name : {".", "..", "", "/", "new/.", "new/./"}) {
    INFO(name);
    // There is no such model, which would be said otherwise.
    CHECK_THROWS_AS(convert_model(directory.path() / "none", name, {.type = {}, .replace = true}), std::invalid_argument);
  }
  // A mount point, empty or not.
  CHECK_THROWS_AS(convert_model(directory.path() / "none", "/dev/shm", {.type = {}, .replace = true}), std::invalid_argument);
}

TEST_CASE("a directory that cannot be put in its place leaves nothing beside it") {
  const TemporaryDirectory directory;
  const auto file = directory.path() / "out";
  write_bytes(file, "x");
  {
    clipdex::encoder::NewDirectory made(file);
    made.write("a", "b");
    CHECK_THROWS_AS(made.publish(/*replace=*/true), std::runtime_error);  // a file does not go onto a directory
  }
  CHECK(fs::is_regular_file(file));
  CHECK(std::distance(fs::directory_iterator(directory.path()), {}) == 1);
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

// Whether the same weights are the same model, however they are packed.
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "encoder/model_directory.h"
#include "encoder/model_info.h"
#include "tests/encoder/golden_embeddings.h"
#include "tests/encoder/torch_files.h"
#include "tests/temporary_directory.h"

namespace {

namespace fs = std::filesystem;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;
using namespace clipdex::tests;
using clipdex::encoder::Activation;
using clipdex::encoder::inspect_model;
using clipdex::encoder::open_model;
using clipdex::encoder::ResizeMode;

std::vector<float> expected(bool resnet) {
  const TemporaryDirectory directory;
  if (resnet) {
    write_golden_resnet_as_open_clip(directory.path() / "model");
  } else {
    write_golden_vit_as_open_clip(directory.path() / "model");
  }
  return golden_embeddings(directory.path() / "model");
}

// Two shards and their index.
void write_sharded(const fs::path& directory, const Tensors& tensors) {
  Tensors shards[2];
  nlohmann::json map;
  for (const auto& [name, tensor] : tensors) {
    const std::size_t which = map.size() % 2;
    shards[which][name] = tensor;
    map[name] = "model-0000" + std::to_string(which + 1) + "-of-00002.safetensors";
  }
  for (std::size_t i = 0; i < 2; ++i)
    write_safetensors(directory / ("model-0000" + std::to_string(i + 1) + "-of-00002.safetensors"), shards[i]);
  std::ofstream(directory / "model.safetensors.index.json") << nlohmann::json{{"weight_map", map}}.dump();
}

Tensors with_text_prefix(const Tensors& tensors) {
  Tensors named;
  for (const auto& [name, tensor] : tensors) named[name.starts_with("visual.") || name == "logit_scale" ? name : "text." + name] = tensor;
  return named;
}

Tensors with_openai_buffers(Tensors tensors) {
  for (const auto* name : {"input_resolution", "context_length", "vocab_size"}) tensors[name] = {"I64", {}, little_endian(64, 8)};
  return tensors;
}

}  // namespace

TEST_CASE("OpenAI's TorchScript archive of either tower needs nothing beside it") {
  for (const bool resnet : {false, true}) {
    const TemporaryDirectory directory;
    const auto file = directory.path() / "CLIP.pt";
    write_bytes(file, torchscript_archive(with_openai_buffers(resnet ? golden_resnet() : golden_vit())));
    CHECK(golden_embeddings(file) == expected(resnet));
    CHECK(golden_embeddings(directory.path()) == expected(resnet));  // the only checkpoint there
    CHECK(inspect_model(file).info.layout == "openai");
    CHECK(inspect_model(file).info.name == "CLIP");
  }
}

TEST_CASE("open_clip's weights in every file that open_clip looks for give the same embeddings") {
  for (const bool resnet : {false, true}) {
    const auto tensors = resnet ? golden_resnet() : golden_vit();
    const auto wanted = expected(resnet);
    for (const auto* name : {"open_clip_pytorch_model.bin", "open_clip_model.pth", "pytorch_model.bin", "model.pth"}) {
      INFO(name);
      const TemporaryDirectory directory;
      write_golden_description(directory.path(), resnet);
      write_bytes(directory.path() / name, torch_archive(tensors));
      CHECK(golden_embeddings(directory.path()) == wanted);
      write_bytes(directory.path() / name, legacy_torch_file(tensors));
      CHECK(golden_embeddings(directory.path()) == wanted);
    }
  }
}

TEST_CASE("Hugging Face's names, whole, sharded and pickled, give the same embeddings") {
  const auto wanted = expected(false);
  const auto tensors = golden_vit_in_huggingface_names();
  const TemporaryDirectory directory;
  write_golden_vit_as_huggingface(directory.path());
  CHECK(golden_embeddings(directory.path()) == wanted);
  fs::remove(directory.path() / "model.safetensors");
  write_sharded(directory.path(), tensors);
  CHECK(golden_embeddings(directory.path()) == wanted);
  CHECK(inspect_model(directory.path()).info.container == "sharded safetensors");
  CHECK(inspect_model(directory.path() / "model.safetensors.index.json").info.name == "model");
  fs::remove(directory.path() / "model.safetensors.index.json");
  write_bytes(directory.path() / "pytorch_model.bin", torch_archive(tensors));
  CHECK(golden_embeddings(directory.path()) == wanted);
  // Alone, its shapes tell the rest.
  fs::remove(directory.path() / "config.json");
  CHECK(golden_embeddings(directory.path() / "pytorch_model.bin") == wanted);
}

TEST_CASE("a text tower with open_clip's prefix is the same tower") {
  const TemporaryDirectory directory;
  write_golden_description(directory.path(), false);
  write_safetensors(directory.path() / "open_clip_model.safetensors", with_text_prefix(golden_vit()));
  CHECK(golden_embeddings(directory.path()) == expected(false));
}

TEST_CASE("with both layouts' configurations the names of the weights decide") {
  const TemporaryDirectory directory;
  write_golden_vit_as_huggingface(directory.path());
  write_golden_description(directory.path(), false);
  CHECK(open_model(directory.path()).directory.layout == "huggingface");
  write_safetensors(directory.path() / "model.safetensors", golden_vit());
  CHECK(open_model(directory.path()).directory.layout == "open_clip");
  // timm's config.json and model.safetensors beside open_clip's.
  std::ofstream(directory.path() / "config.json") << R"({"architecture": "vit_base_patch32_clip_224", "num_classes": 0})";
  write_safetensors(directory.path() / "model.safetensors", {{"blocks.0.norm1.weight", float_tensor({1}, {1})}});
  write_safetensors(directory.path() / "open_clip_model.safetensors", golden_vit());
  CHECK(golden_embeddings(directory.path()) == expected(false));
}

TEST_CASE("numbers of 16 and 64 bits are the numbers that they stand for") {
  const TemporaryDirectory directory;
  // Small enough to be exact in each of the types.
  auto narrow = golden_vit();
  for (auto& [name, tensor] : narrow) {
    auto values = floats_of(tensor);
    for (auto& value : values) value = std::round(value * 64) / 64;
    tensor = float_tensor(tensor.shape, values);
  }
  write_golden_description(directory.path(), false);
  write_safetensors(directory.path() / "open_clip_model.safetensors", narrow);
  const auto wanted = golden_embeddings(directory.path());
  for (const auto* type : {"F16", "BF16", "F64"}) {
    INFO(type);
    auto stored = narrow;
    for (auto& [name, tensor] : stored) {
      std::string bytes;
      for (const float value : floats_of(tensor)) {
        if (type == std::string("F64")) {
          const double wide = value;
          bytes.append(reinterpret_cast<const char*>(&wide), sizeof wide);
        } else {
          clipdex::encoder::append_floats(
              type == std::string("F16") ? clipdex::encoder::TensorType::kF16 : clipdex::encoder::TensorType::kBf16, {&value, 1}, bytes);
        }
      }
      tensor = {type, tensor.shape, bytes};
    }
    fs::remove(directory.path() / "open_clip_model.safetensors");
    write_bytes(directory.path() / "open_clip_pytorch_model.bin", torch_archive(stored));
    CHECK(golden_embeddings(directory.path()) == wanted);
  }
}

TEST_CASE("what shapes do not tell is told by the checkpoint's names") {
  struct Case {
    std::string path, run;
    Activation activation;
    bool assumed;
  };
  const std::vector<Case> cases = {
      {"ViT-B-32.pt", "", Activation::kQuickGelu, false},
      {"ViT-L-14-336px.pt", "", Activation::kQuickGelu, false},
      {"vit_b_32-quickgelu-laion400m_e32.pt", "", Activation::kQuickGelu, false},
      {"vit_b_16-laion400m_e32.pt", "", Activation::kGelu, false},
      {"laion2b_s34b_b79k/weights.bin", "", Activation::kGelu, false},
      {"ViT-B-32-metaclip_fullcc.pt", "", Activation::kQuickGelu, false},
      {"ViT-H-14-metaclip_altogether.pt", "", Activation::kGelu, false},
      {"dfn2b_s39b.pt", "", Activation::kGelu, false},
      {"DFN2B-CLIP-ViT-B-16.bin", "", Activation::kQuickGelu, false},
      {"epoch_3.pt", "2024-model_ViT-B-32-quickgelu-lr_1", Activation::kQuickGelu, false},
      {"epoch_3.pt", "2024-model_ViT-B-32-lr_1", Activation::kGelu, true},
      {"weights.pt", "", Activation::kGelu, true},
  };
  for (const auto& test : cases) {
    INFO(test.path);
    const TemporaryDirectory directory;
    const auto file = directory.path() / test.path;
    fs::create_directories(file.parent_path());
    write_bytes(file, test.run.empty() ? torch_archive(golden_vit()) : training_checkpoint(golden_vit(), test.run));
    const auto model = open_model(file);
    CHECK(model.directory.config.text.activation == test.activation);
    CHECK(model.directory.config.vision.activation == test.activation);
    CHECK(!model.directory.assumption.empty() == test.assumed);
    // A description beside it overrides any guess.
    auto description = fs::path(directory.path() / "scratch");
    fs::create_directories(description);
    write_golden_description(description, false);
    fs::rename(description / "open_clip_config.json", file.parent_path() / "open_clip_config.json");
    CHECK(open_model(file).directory.config.text.activation == Activation::kQuickGelu);
    CHECK(open_model(file).directory.assumption.empty());
  }
}

TEST_CASE("published runs' pictures are prepared as in their training") {
  const TemporaryDirectory directory;
  const auto preprocessing = [&](const std::string& name) {
    write_bytes(directory.path() / name, torch_archive(golden_vit()));
    return open_model(directory.path() / name).directory.preprocessing;
  };
  CHECK(preprocessing("dfn5b.pt").resize_mode == ResizeMode::kSquash);
  CHECK(preprocessing("ViT-B-16.pt").resize_mode == ResizeMode::kShortest);
  CHECK(preprocessing("ViT-B-16.pt").width == 64);
}

TEST_CASE("a model that clipdex does not read says what it is and what to do") {
  const TemporaryDirectory directory;
  const auto refused = [&](const std::string& message) {
    CHECK_THROWS_MATCHES(open_model(directory.path()), std::runtime_error, MessageMatches(ContainsSubstring(message)));
  };
  write_golden_vit_as_huggingface(directory.path());
  std::ofstream(directory.path() / "config.json") << R"({"model_type": "siglip"})";
  refused("model_type \"siglip\" is not supported");
  fs::remove(directory.path() / "config.json");
  write_safetensors(directory.path() / "model.safetensors", {{"bert.weight", float_tensor({1}, {1})}});
  refused("are not those of a CLIP");
  write_bytes(directory.path() / "other.pt", "x");
  refused("2 checkpoints: name one of them");
}

TEST_CASE("a checkpoint whose shapes tell no configuration says which tensor is in the way") {
  const TemporaryDirectory directory;
  const auto file = directory.path() / "a.safetensors";
  const auto refused = [&](const Tensors& tensors, const std::string& message) {
    write_safetensors(file, tensors);
    CHECK_THROWS_MATCHES(inspect_model(file), std::runtime_error,
                         MessageMatches(ContainsSubstring(message) && ContainsSubstring("a.safetensors")));
  };
  auto tensors = golden_vit();
  tensors.erase("text_projection");
  refused(tensors, "\"text_projection\" is missing");
  tensors = golden_vit();
  tensors.erase("visual.proj");
  refused(tensors, "neither CLIP's Vision Transformer nor its ResNet");
  tensors = golden_vit();
  tensors["visual.positional_embedding"] = float_tensor({3, 128}, std::vector<float>(384));
  refused(tensors, "no square grid");
  tensors = golden_vit();
  tensors["visual.conv1.weight"].shape = {128, 768};
  refused(tensors, "\"visual.conv1.weight\" is [128, 768]");
  tensors = golden_vit();
  tensors.erase("visual.transformer.resblocks.1.ln_1.bias");
  refused(tensors, "visual.transformer.resblocks.1.ln_1.bias");
  tensors = golden_vit();
  tensors["visual.extra"] = float_tensor({1}, {1});
  refused(tensors, "not part of this architecture: visual.extra");
}

#include "encoder/model_files.h"

#include <catch2/catch_test_macros.hpp>

#include "tests/cli/golden_model.h"
#include "tests/encoder/torch_files.h"
#include "tests/temporary_directory.h"

namespace {

namespace fs = std::filesystem;
using namespace clipdex::tests;
using clipdex::encoder::checkpoint_name;
using clipdex::encoder::is_checkpoint;
using clipdex::encoder::is_model_directory;

}  // namespace

TEST_CASE("a checkpoint's name is its file's without endings") {
  CHECK(checkpoint_name("a/ViT-B-32.pt") == "ViT-B-32");
  CHECK(checkpoint_name("model.safetensors") == "model");
  CHECK(checkpoint_name("a/model.safetensors.index.json") == "model");
  CHECK(checkpoint_name("pytorch_model.bin.index.json") == "pytorch_model");
  CHECK(checkpoint_name("weights") == "weights");
}

TEST_CASE("a checkpoint is told by its name, and by its bytes where the name says nothing; a tokenizer's file is none") {
  const TemporaryDirectory directory;
  const auto check = [&](const std::string& name, const std::string& bytes, bool expected) {
    INFO(name);
    write_bytes(directory.path() / name, bytes);
    CHECK(is_checkpoint(directory.path() / name) == expected);
  };
  const Tensors tensors = {{"a", float_tensor({1}, {1})}};
  check("model.safetensors.index.json", "{}", true);
  check("weights.bin", "", true);
  check("epoch.ckpt", torch_archive(tensors), true);
  check("old", legacy_torch_file(tensors), true);
  write_safetensors(directory.path() / "blob", tensors);
  CHECK(is_checkpoint(directory.path() / "blob"));
  check("tokenizer.json", "{\"version\":\"1.0\"}", false);
  check("merges.txt", "#version: 0.2\nq z\n", false);
  check("empty", "", false);
  CHECK(!is_checkpoint(directory.path()));
  CHECK(!is_checkpoint(directory.path() / "none.pt"));
  CHECK(!is_checkpoint(fs::path(CLIPDEX_SOURCE_DIR) / "tests/data/bpe_simple_vocab_16e6.txt.gz"));
}

TEST_CASE("a model's directory says that it is one, holds weights, and nothing that models do not have") {
  const TemporaryDirectory directory;
  const auto& path = directory.path();
  CHECK(!is_model_directory(path));
  write_golden_vit_as_huggingface(path);
  CHECK(is_model_directory(path));
  for (const auto* name :
       {"tokenizer_config.json", "README.md", ".gitattributes", "pytorch_model-00001-of-00002.bin", "pytorch_model.bin.index.json"}) {
    write_bytes(path / name, "");
  }
  CHECK(is_model_directory(path));
  write_bytes(path / "novel.txt", "");
  CHECK(!is_model_directory(path));
  fs::remove(path / "novel.txt");
  fs::create_directory(path / "pictures");
  CHECK(!is_model_directory(path));
  fs::remove(path / "pictures");
  for (const auto* config : {"{}", "no JSON", R"({"model_type": "bert"})"}) {
    INFO(config);
    write_bytes(path / "config.json", config);
    CHECK(!is_model_directory(path));
  }
  write_golden_vit_as_huggingface(path);
  fs::rename(path / "model.safetensors", path / "other.safetensors");
  fs::remove(path / "pytorch_model.bin.index.json");
  CHECK(!is_model_directory(path));
  write_golden_vit_as_open_clip(path / "open_clip");
  CHECK(is_model_directory(path / "open_clip"));
}

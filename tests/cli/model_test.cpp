// "clipdex model": what it tells about a model, and what it says when there is none.
#include <catch2/catch_test_macros.hpp>

#include "tests/cli/golden_model.h"
#include "tests/cli/outputs.h"
#include "tests/encoder/torch_files.h"

namespace {

namespace fs = std::filesystem;
using namespace clipdex::tests;

const std::string kVocabulary = std::string(CLIPDEX_SOURCE_DIR) + "/tests/data/bpe_simple_vocab_16e6.txt.gz";

// "clipdex model inspect" fails with exit code 1 and says all of `words`.
void check_unreadable(const fs::path& model, const std::vector<std::string>& words) {
  check_fails({"model", "inspect", model.string(), "--json"}, words);
}

}  // namespace

TEST_CASE("inspecting the built-in model tells its architecture, tokenizer, preprocessing and fingerprint") {
  const auto lines = output_of({"model", "inspect", kModel.string(), "--json"});
  REQUIRE(lines.size() == 1);
  const auto& facts = lines[0];
  CHECK(facts.at("name") == "emoji-clip");
  CHECK(facts.at("architecture") == "ViT 4x256 /16 @64");
  CHECK(facts.at("layout") == "huggingface");
  CHECK(facts.at("dtype") == "fp16");
  CHECK(facts.at("embedding_dimension") == 128);
  CHECK(facts.at("parameters").get<double>() > 5.0e6);
  CHECK(facts.at("parameters").get<double>() < 5.2e6);
  CHECK(facts.at("vision").at("kind") == "VisionTransformer");
  CHECK(facts.at("vision").at("image_size") == 64);
  CHECK(facts.at("text").at("context_length") == 32);
  CHECK(facts.at("tokenizer").at("vocabulary") == 4096);
  CHECK(facts.at("tokenizer").at("start") == 4094);
  CHECK(facts.at("tokenizer").at("end") == 4095);
  CHECK(facts.at("preprocessing").at("size") == json{64, 64});
  CHECK(facts.at("fingerprint").get<std::string>().size() == 32);
}

TEST_CASE("inspecting for people shows the same facts, a line each") {
  const auto outcome = run_clipdex({"model", "inspect", kModel.string()});
  CHECK(outcome.exit_code == 0);
  CHECK(contains(outcome.out, "architecture: ViT 4x256 /16 @64\n"));
  CHECK(contains(outcome.out, "embedding_dimension: 128\n"));
}

TEST_CASE("a model in open_clip's layout without a tokenizer is inspected too, and its fingerprint follows its numbers") {
  const TemporaryDirectory directory;
  write_golden_resnet_as_open_clip(directory.path() / "resnet");
  write_golden_vit_as_open_clip(directory.path() / "vit");
  const auto resnet = output_of({"model", "inspect", (directory.path() / "resnet").string(), "--json"}).at(0);
  CHECK(resnet.at("layout") == "open_clip");
  CHECK(resnet.at("vision").at("kind") == "ModifiedResNet");
  CHECK(resnet.at("embedding_dimension") == 24);
  CHECK(resnet.at("tokenizer").is_null());
  const auto vit = output_of({"model", "inspect", (directory.path() / "vit").string(), "--json"}).at(0);
  CHECK(vit.at("fingerprint") != resnet.at("fingerprint"));
  auto weights = golden_vit();
  weights.at("visual.proj").bytes[0] ^= 1;
  write_safetensors(directory.path() / "vit/open_clip_model.safetensors", weights);
  CHECK(output_of({"model", "inspect", (directory.path() / "vit").string(), "--json"}).at(0).at("fingerprint") != vit.at("fingerprint"));
}

TEST_CASE("a text for a model without a tokenizer is refused, and token ids are not") {
  const TemporaryDirectory directory;
  write_golden_vit_as_open_clip(directory.path());
  const auto outcome = run_clipdex({"embed", "--model", directory.path().string(), "--text", "a cat"});
  CHECK(outcome.exit_code == 2);
  CHECK(contains(outcome.error, "tokenizer"));
  CHECK(run_clipdex({"embed", "--model", directory.path().string(), "--token-ids", "510,511"}).exit_code == 0);
}

TEST_CASE("tokenizing with a model's directory gives start, tokens and end, in lines and in JSON") {
  const auto lines = output_of({"model", "tokenize", kModel.string(), "--json", "--", "a red apple", "[a,b]", "", "-x"});
  REQUIRE(lines.size() == 4);
  CHECK(lines[0] == json{{"text", "a red apple"}, {"ids", {4094, 320, 734, 3234, 4095}}});
  CHECK(lines[1].at("text") == "[a,b]");
  CHECK(lines[2] == json{{"text", ""}, {"ids", {4094, 4095}}});
  CHECK(lines[3].at("text") == "-x");
  const auto plain = run_clipdex({"model", "tokenize", kModel.string(), "a red apple", ""});
  CHECK(plain.exit_code == 0);
  CHECK(plain.out == "4094 320 734 3234 4095\n4094 4095\n");
}

TEST_CASE("tokenizing with OpenAI's vocabulary file gives OpenAI's ids, in lines and in JSON") {
  CHECK(output_of({"model", "tokenize", kVocabulary, "--json", "hello world"}).at(0).at("ids") == json{49406, 3306, 1002, 49407});
  const auto plain = run_clipdex({"model", "tokenize", kVocabulary, "hello world", "a photo of a cat"});
  CHECK(plain.out == "49406 3306 1002 49407\n49406 320 1125 539 320 2368 49407\n");
}

TEST_CASE("tokenizing with a checkpoint of any name takes the tokenizer beside it") {
  const TemporaryDirectory directory;
  for (const auto* name : {"vocab.json", "merges.txt"}) fs::copy_file(kModel / name, directory.path() / name);
  write_bytes(directory.path() / "model.safetensors.index.json", "{}");
  for (const auto* name : {"weights.pt", "epoch_3.ckpt", "blob"}) write_bytes(directory.path() / name, torch_archive({}));
  for (const auto* name : {"model.safetensors.index.json", "weights.pt", "epoch_3.ckpt", "blob"}) {
    INFO(name);
    const auto lines = output_of({"model", "tokenize", (directory.path() / name).string(), "--json", "--", "a red apple"});
    CHECK(lines.at(0).at("ids") == json{4094, 320, 734, 3234, 4095});
  }
}

TEST_CASE("a path that is not UTF-8 is shown as text in JSON, and nothing else changes") {
  const TemporaryDirectory directory;
  const auto model = directory.path() / "mod\xe8le";
  write_golden_vit_as_open_clip(model);
  CHECK(output_of({"model", "inspect", model.string(), "--json"}).at(0).at("name") == "mod\uFFFDle");
  const auto made = output_of({"model", "convert", model.string(), (directory.path() / "n\xe9").string(), "--json"}).at(0);
  CHECK(made.at("out") == (directory.path() / "n\uFFFD").string());
  CHECK(fs::exists(directory.path() / "n\xe9/model.safetensors"));
}

TEST_CASE("a tokenizer that is missing or damaged is named") {
  const TemporaryDirectory directory;
  const auto file = directory.path() / "merges.txt.gz";
  for (const auto& path : {directory.path() / "nowhere", file}) {
    std::ofstream(file, std::ios::binary) << read_file(kVocabulary).substr(0, 10000);
    const auto outcome = run_clipdex({"model", "tokenize", path.string(), "x"});
    CAPTURE(outcome.error);
    CHECK(outcome.exit_code == 1);
    CHECK(outcome.out.empty());
    CHECK(contains(outcome.error, path.string()));
  }
}

TEST_CASE("the pixels that are written for a picture are those that its embedding is made of") {
  const TemporaryDirectory directory;
  const auto picture = (kGallery / "rocket.png").string(), pixels = (directory.path() / "rocket.npy").string();
  REQUIRE(run_clipdex({"model", "preprocess", kModel.string(), picture, "--out", pixels}).exit_code == 0);
  const auto bytes = read_file(pixels);
  CHECK(contains(bytes.substr(0, 128), "'descr': '<f4', 'fortran_order': False, 'shape': (1, 3, 64, 64"));
  CHECK(bytes.size() == 128 + sizeof(float) * 3 * 64 * 64);
  const auto vectors = embeddings_of(output_of({"embed", "--raw", "--image", picture, "--pixels", pixels}));
  REQUIRE(vectors.size() == 2);
  CHECK(vectors[0] == vectors[1]);
}

TEST_CASE("pixels of no picture, or to a place that cannot be written, fail with the file's name") {
  const TemporaryDirectory directory;
  const auto text = (directory.path() / "text.png").string(), out = (directory.path() / "out.npy").string();
  std::ofstream(text) << "hello";
  auto outcome = run_clipdex({"model", "preprocess", kModel.string(), text, "--out", out});
  CHECK(outcome.exit_code == 1);
  CHECK(contains(outcome.error, text));
  CHECK(!fs::exists(out));
  const auto nowhere = (directory.path() / "no/such/folder.npy").string();
  outcome = run_clipdex({"model", "preprocess", kModel.string(), (kGallery / "rocket.png").string(), "--out", nowhere});
  CHECK(outcome.exit_code == 1);
  CHECK(contains(outcome.error, nowhere));
}

TEST_CASE("weights that are cut off fail with the file's name") {
  const TemporaryDirectory directory;
  write_golden_vit_as_open_clip(directory.path());
  const auto file = directory.path() / "open_clip_model.safetensors";
  for (const auto size : {fs::file_size(file) - 1, std::uintmax_t{1000}, std::uintmax_t{0}}) {
    fs::resize_file(file, size);
    check_unreadable(directory.path(), {file.string()});
  }
}

TEST_CASE("weights that lack a tensor, or have one of another shape, fail with file, tensor and remedy") {
  const TemporaryDirectory directory;
  write_golden_vit_as_open_clip(directory.path());
  const auto file = directory.path() / "open_clip_model.safetensors";
  auto weights = golden_vit();
  weights.erase("visual.ln_post.bias");
  write_safetensors(file, weights);
  check_unreadable(directory.path(), {file.string(), "visual.ln_post.bias", "Check that"});
  weights = golden_vit();
  weights.at("text_projection").shape = {32, 64};
  write_safetensors(file, weights);
  check_unreadable(directory.path(), {file.string(), "text_projection", "[32, 64]", "[64, 32]"});
}

TEST_CASE("a path that is no model's directory fails and says what is missing there") {
  const TemporaryDirectory directory;
  check_unreadable(directory.path(), {directory.path().string(), "config.json", "open_clip_config.json"});
  check_unreadable(directory.path() / "nowhere", {"nowhere", "no such file"});
  check_unreadable(kVocabulary, {kVocabulary, "not in the safetensors format"});
  write_golden_vit_as_open_clip(directory.path());
  fs::remove(directory.path() / "open_clip_model.safetensors");
  check_unreadable(directory.path(), {directory.path().string(), "open_clip_model.safetensors"});
  write_golden_vit_as_open_clip(directory.path());
  std::ofstream(directory.path() / "open_clip_config.json") << "{";
  check_unreadable(directory.path(), {"open_clip_config.json", "damaged"});
}

TEST_CASE("a single checkpoint is inspected with what its shapes tell and what had to be assumed") {
  const TemporaryDirectory directory;
  write_bytes(directory.path() / "model.pt", torch_archive(golden_vit()));
  const auto facts = output_of({"model", "inspect", (directory.path() / "model.pt").string(), "--json"}).at(0);
  CHECK(facts.at("container") == "PyTorch archive");
  CHECK(facts.at("layout") == "open_clip");
  CHECK(facts.at("vision").at("head_width") == 64);
  CHECK(facts.at("vision").at("activation") == "gelu");
  CHECK(facts.at("text").at("pooling") == "first highest id");
  CHECK(facts.at("parameters").get<int>() == facts.at("parameters_visual").get<int>() + facts.at("parameters_text").get<int>());
  CHECK(facts.at("files").at(0).at("bytes") == fs::file_size(directory.path() / "model.pt"));
  CHECK(contains(facts.at("assumption").get<std::string>(), "open_clip_config.json"));
  CHECK(facts.at("training_run").is_null());
  write_bytes(directory.path() / "epoch_3.pt", training_checkpoint(golden_vit(), "my run"));
  CHECK(output_of({"model", "inspect", (directory.path() / "epoch_3.pt").string(), "--json"}).at(0).at("training_run") == "my run");
  const auto people = run_clipdex({"model", "inspect", (directory.path() / "model.pt").string()});
  CHECK(contains(people.out, "note: the activation is taken for gelu"));
}

TEST_CASE("converting a checkpoint makes a directory that gives the same embeddings, and replaces nothing unasked") {
  const TemporaryDirectory directory;
  const auto model = (directory.path() / "script.pt").string(), out = (directory.path() / "converted").string();
  write_bytes(model, torchscript_archive(golden_vit()));
  const auto made = output_of({"model", "convert", model, out, "--json"}).at(0);
  CHECK(made.at("layout") == "huggingface");
  const auto embedding = [](const std::string& of) {
    return embeddings_of(output_of({"embed", "--model", of, "--token-ids", "510,7,511"}));
  };
  CHECK(embedding(out) == embedding(model));
  const auto again = run_clipdex({"model", "convert", model, out});
  CHECK(again.exit_code == 2);
  CHECK(contains(again.error, "--force"));
  CHECK(run_clipdex({"model", "convert", model, out, "--force", "--dtype", "bf16"}).exit_code == 0);
  CHECK(output_of({"model", "inspect", out, "--json"}).at(0).at("dtype") == "bf16");
}

TEST_CASE("converting a ResNet makes an open_clip directory and says why") {
  const TemporaryDirectory directory;
  write_golden_resnet_as_open_clip(directory.path() / "model");
  const auto outcome = run_clipdex({"model", "convert", (directory.path() / "model").string(), (directory.path() / "out").string()});
  CHECK(outcome.exit_code == 0);
  CHECK(contains(outcome.error, "open_clip"));
  CHECK(contains(outcome.error, "ResNet"));
  CHECK(fs::exists(directory.path() / "out/open_clip_model.safetensors"));
}

TEST_CASE("a conversion that finds the disk full says so and leaves nothing") {
  const TemporaryDirectory directory;
  write_golden_vit_as_open_clip(directory.path() / "model");
  const auto outcome = run_shell("ulimit -f 64; trap '' XFSZ; exec $clipdex model convert " + (directory.path() / "model").string() + " " +
                                 (directory.path() / "out").string());
  CHECK(outcome.exit_code == 1);
  CHECK(contains(outcome.error, "model.safetensors"));
  CHECK(std::distance(fs::directory_iterator(directory.path()), {}) == 1);
}

TEST_CASE("a checkpoint that wants to run code is refused with what it wants to call") {
  const TemporaryDirectory directory;
  const auto file = directory.path() / "evil.pt";
  write_bytes(file, zip_archive(torch_entries(PickleWriter().global("posix", "system").text("touch hacked").raw("\x85R").stop(), {})));
  check_unreadable(file, {file.string(), "posix.system", "safetensors"});
}

#include "encoder/training/trainer.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cmath>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "encoder/checkpoint.h"
#include "encoder/clip_encoder.h"
#include "encoder/image_decoder.h"
#include "tests/encoder/training/tiny_training.h"
#include "tests/temporary_directory.h"

namespace {

namespace fs = std::filesystem;
namespace training = clipdex::training;
using namespace clipdex::tests;
using Catch::Matchers::ContainsSubstring;
using nlohmann::json;

}  // namespace

TEST_CASE("a tiny CLIP learns 64 pairs by heart") {
  const TemporaryDirectory data, out;
  auto options = tiny_training(data, out, 64);
  options.batch = 64;
  options.steps = 320;  // on some processors 200 leave one picture wrong
  options.learning_rate = 2e-3;
  options.warmup_steps = 20;
  options.clip_norm = 0;
  options.weight_decay = 0;
  options.crop_scale_min = 1;
  options.validation.words = options.train.words;
  const bool resnet = GENERATE(false, true);
  INFO("resnet: " << resnet);
  if (resnet) {
    options.config = write_tiny_config(data.path(), {{"image_size", 32}, {"layers", {1, 1, 1, 1}}, {"width", 16}}).string();
    options.steps = 120;
  }
  const auto result = training::train(options);
  REQUIRE(result.finished);
  REQUIRE(result.validation);
  CHECK(result.validation->images == 64);
  CHECK(result.validation->text_to_image[0] == 100);
  CHECK(result.validation->image_to_text[0] == 100);
  // The result is a model as any other: the encoder finds with it what the trainer found.
  const clipdex::encoder::ClipEncoder encoder(result.model);
  std::vector<std::string> captions;
  std::vector<clipdex::encoder::Image> pictures;
  for (std::size_t i = 0; i < 64; ++i) {
    captions.push_back(square_caption(i));
    const auto bytes = square_picture(i);
    pictures.push_back(clipdex::encoder::decode_image({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}));
  }
  const auto texts = encoder.encode_texts(captions);
  const auto images = encoder.encode_images(pictures);
  std::size_t found = 0;
  for (std::size_t i = 0; i < 64; ++i) {
    std::size_t best = 0;
    float best_score = -2;
    for (std::size_t j = 0; j < 64; ++j) {
      float score = 0;
      for (std::size_t d = 0; d < encoder.dimension(); ++d) score += texts.row(i)[d] * images.row(j)[d];
      if (score > best_score) {
        best_score = score;
        best = j;
      }
    }
    found += best == i ? 1 : 0;
  }
  CHECK(found == 64);
}

TEST_CASE("stopped and gone on takes the course of one that ran through") {
  const TemporaryDirectory data, out, other;
  auto options = tiny_training(data, out, 40);  // batches of 16 cross the epochs' ends
  const std::string kind = GENERATE("plain", "micro-batches", "ResNet", "fp16", "bf16");
  INFO(kind);
  if (kind == "micro-batches") options.micro_batch = 5;
  if (kind == "ResNet")
    options.config = write_tiny_config(data.path(), {{"image_size", 32}, {"layers", {1, 1, 1, 1}}, {"width", 16}}).string();
  if (kind == "fp16") options.precision = training::Precision::kFp16;
  if (kind == "bf16") options.precision = training::Precision::kBf16;
  options.unique_captions = true;
  const auto whole = training::train(options);
  options.out = other.path() / "run";
  std::uint64_t steps = 0;
  const auto stopped = training::train(
      options, {.step = [&](const training::StepMetrics& metrics) { steps = metrics.step; }, .stop = [&] { return steps == 5; }});
  CHECK_FALSE(stopped.finished);
  CHECK(stopped.step == 5);
  CHECK(stopped.model.empty());
  // What was made after the checkpoint and lost with the process is made again, and stands there once.
  std::ofstream(options.out / "metrics.jsonl", std::ios::app)
      << lines_of(out.path() / "run/metrics.jsonl")[5].dump() << "\n{\"step\":7,\"cut o";
  const auto resumed = training::train(options);
  CHECK(resumed.finished);
  CHECK(course(out.path() / "run").size() == 12);
  CHECK(course(options.out) == course(out.path() / "run"));
  CHECK(lines_of(options.out / "metrics.jsonl").front().at("samples_per_second").get<double>() > 0);
  // Of a ResNet it is an open_clip directory.
  const auto* weights = kind == "ResNet" ? "open_clip_model.safetensors" : "model.safetensors";
  REQUIRE(fs::exists(whole.model / weights));
  CHECK(bytes_of(resumed.model / weights) == bytes_of(whole.model / weights));
}

TEST_CASE("the number of threads that decode does not change the samples") {
  const TemporaryDirectory data, out, other;
  auto options = tiny_training(data, out, 40);
  options.steps = 3;
  training::train(options);
  const auto before = course(options.out);
  options.out = other.path() / "run";
  options.threads = 1;
  training::train(options);
  const auto after = course(options.out);
  for (std::size_t i = 0; i < 3; ++i) CHECK(std::abs(before.at(i).at("loss").get<double>() - after.at(i).at("loss").get<double>()) < 1e-4);
}

TEST_CASE("other options do not go on with a training, unless it is to begin anew") {
  const TemporaryDirectory data, out;
  auto options = tiny_training(data, out, 20);
  options.steps = 3;
  training::train(options);
  options.learning_rate = 5e-3;
  CHECK_THAT(failure_of(options), ContainsSubstring("learning_rate") && ContainsSubstring("--restart"));
  options.restart = true;
  CHECK(training::train(options).finished);
  CHECK(course(options.out).size() == 3);
}

TEST_CASE("samples that are no good are left out and named") {
  const TemporaryDirectory data, out;
  auto options = tiny_training(data, out, 20);
  write_file(data.path() / "3.jpg", "no picture");
  fs::remove(data.path() / "7.jpg");
  std::ofstream(data.path() / "pairs.jsonl", std::ios::app) << json{{"file", "5.jpg"}, {"caption", "  "}}.dump() << "\n{\"file\":\n";
  options.steps = 3;  // 48 samples, so that each of the 22 comes at least once
  const auto result = training::train(options);
  CHECK(result.finished);
  std::set<std::string> named;
  for (const auto& line : lines_of(options.out / "bad_samples.jsonl")) named.insert(line.at("where").get<std::string>());
  CHECK(named.size() == 4);
  CHECK(result.bad_samples >= 4);
}

TEST_CASE("data without a batch of good samples ends with the reason") {
  const TemporaryDirectory data, out;
  auto options = tiny_training(data, out, 20);
  for (std::size_t i = 4; i < 20; ++i) write_file(data.path() / (std::to_string(i) + ".jpg"), "no picture");
  options.unique_captions = true;
  CHECK_THAT(failure_of(options), ContainsSubstring("bad_samples.jsonl"));
}

TEST_CASE("a loss that is no number any more stops the training, and the last checkpoint stays good") {
  const TemporaryDirectory data, out;
  auto options = tiny_training(data, out, 40);
  options.checkpoint_every = 1;
  options.learning_rate = GENERATE(1e30, 1e38);
  options.steps = 40;
  const auto failure = failure_of(options);
  CHECK_THAT(failure, ContainsSubstring("no finite number at step"));
  CHECK_THAT(failure, ContainsSubstring("--learning-rate"));
  CHECK_FALSE(fs::exists(options.out / "model"));
  if (!fs::exists(options.out / "checkpoints")) return;
  for (const auto& entry : fs::directory_iterator(options.out / "checkpoints")) {
    const auto checkpoint = clipdex::encoder::Checkpoint::open(entry.path() / "model.safetensors");
    for (const auto& [name, view] : checkpoint.tensors()) {
      std::vector<float> values(view.elements());
      clipdex::encoder::read_floats(view, 0, values);
      INFO(name);
      CHECK(std::all_of(values.begin(), values.end(), [](float value) { return std::isfinite(value); }));
    }
  }
}

TEST_CASE("old checkpoints go, the newest stay and are models") {
  const TemporaryDirectory data, out;
  auto options = tiny_training(data, out, 20);
  options.checkpoint_every = 3;
  options.checkpoints_kept = 2;
  training::train(options);
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(options.out / "checkpoints")) names.insert(entry.path().filename().string());
  CHECK(names == std::set<std::string>{"step-00000009", "step-00000012"});
  CHECK(clipdex::encoder::ClipEncoder(options.out / "checkpoints/step-00000009").dimension() == 32);
}

TEST_CASE("fine-tuning goes on from a model, and a frozen tower stays as it is") {
  const TemporaryDirectory data, out, tuned;
  auto options = tiny_training(data, out, 40);
  const auto base = training::train(options);
  training::TrainingOptions tuning = options;
  tuning.config.clear();
  tuning.vocabulary_size = 0;
  tuning.from = base.model;
  tuning.freeze_image = GENERATE(false, true);
  tuning.freeze_text = !tuning.freeze_image;
  tuning.micro_batch = GENERATE(0, 5);
  tuning.out = tuned.path() / "run";
  const auto result = training::train(tuning);
  const clipdex::encoder::ClipEncoder before(base.model), after(result.model);
  const std::vector<float> pixels(3 * 24 * 24, 0.5F);
  CHECK((before.encode_pixels(pixels, 1).values == after.encode_pixels(pixels, 1).values) == tuning.freeze_image);
  const std::vector<std::string> texts = {"a red square at the top"};
  CHECK((before.encode_texts(texts).values == after.encode_texts(texts).values) == tuning.freeze_text);
}

TEST_CASE("half precision learns all the same") {
  const TemporaryDirectory data, out;
  auto options = tiny_training(data, out, 40);
  options.steps = 30;
  options.precision = GENERATE(training::Precision::kBf16, training::Precision::kFp16);
  training::train(options);
  std::ifstream state(options.out / "checkpoints/step-00000030/training_state.json");
  const auto saved = json::parse(state);
  CHECK(saved.at("optimizer_steps").get<int>() >= 15);  // fp16 leaves out steps until its scale fits
  CHECK((saved.at("loss_scale").get<double>() > 1) == (options.precision == training::Precision::kFp16));
  const auto steps = course(options.out);
  CHECK(steps.back().at("loss").get<double>() < steps.front().at("loss").get<double>());
  TemporaryDirectory exact;
  options.out = exact.path() / "run";
  options.precision = training::Precision::kFp32;
  options.steps = 1;
  training::train(options);
  const double difference = std::abs(course(options.out)[0].at("loss").get<double>() - steps[0].at("loss").get<double>());
  CHECK(difference > 0);
  CHECK(difference < 0.1);
}

TEST_CASE("options that cannot be are refused by name") {
  const TemporaryDirectory data, out;
  const auto good = tiny_training(data, out, 20);
  const auto refused = [&](const auto& change, const std::string& what) {
    auto options = good;
    change(options);
    INFO(what);
    CHECK_THROWS_AS(training::train(options), std::invalid_argument);
    CHECK_THAT(failure_of(options), ContainsSubstring(what));
  };
  using Options = training::TrainingOptions;
  refused([](Options& o) { o.batch = 1; }, "--batch");
  refused([](Options& o) { o.learning_rate = 0; }, "--learning-rate");
  refused([](Options& o) { o.vocabulary_size = 100; }, "--vocabulary-size");
  refused([](Options& o) { o.vocabulary_size = 0; }, "--tokenizer");
  refused([](Options& o) { o.config = "ViT-Z/99"; }, "ViT-B/32");
  refused([](Options& o) { o.from = "somewhere"; }, "not both");
  refused([](Options& o) { o.freeze_text = true; }, "--from");
  refused([](Options& o) { o.crop_scale_min = 0; }, "--crop-scale");
  refused([](Options& o) { o.train.words = {"/no/such/file.jsonl"}; }, "/no/such/file.jsonl");
  refused([](Options& o) { o.steps = 0, o.epochs = 0.1; }, "--batch");
}

TEST_CASE("a tokenizer from one file goes into the model under the names that everybody looks for") {
  const TemporaryDirectory data, out;
  auto options = tiny_training(data, out, 20);
  options.steps = 1;
  options.vocabulary_size = 0;
  fs::copy_file(fs::path(CLIPDEX_SOURCE_DIR) / "tests/data/bpe_simple_vocab_16e6.txt.gz", data.path() / "merges.gz");
  options.tokenizer = data.path() / "merges.gz";
  const auto result = training::train(options);
  CHECK(fs::exists(result.model / "vocab.json"));
  const clipdex::encoder::ClipEncoder encoder(result.model);
  REQUIRE(encoder.tokenizer() != nullptr);
  CHECK(encoder.tokenizer()->vocabulary_size() == 49408);
  CHECK(encoder.tokenizer()->encode("a photo of a cat") == std::vector<std::int32_t>{49406, 320, 1125, 539, 320, 2368, 49407});
}

TEST_CASE("beginning anew learns the tokenizer anew, and costs nothing if it cannot begin") {
  const TemporaryDirectory data, out;
  auto options = tiny_training(data, out, 20);
  options.steps = 2;
  const auto before = training::train(options);
  auto impossible = options;
  impossible.restart = true;
  impossible.train.words = {"/no/such/file.jsonl"};
  CHECK_FALSE(failure_of(impossible).empty());
  CHECK(fs::exists(before.model / "model.safetensors"));
  CHECK(fs::exists(options.out / "checkpoints/step-00000002"));
  options.restart = true;
  options.vocabulary_size = 530;
  CHECK(clipdex::encoder::ClipEncoder(training::train(options).model).tokenizer()->vocabulary_size() == 530);
}

TEST_CASE("data that was edited is other data") {
  const TemporaryDirectory data, out;
  auto options = tiny_training(data, out, 20);
  options.steps = 2;
  training::train(options);
  std::ofstream(data.path() / "pairs.jsonl", std::ios::app) << json{{"file", "0.jpg"}, {"caption", "another"}}.dump() << '\n';
  CHECK_THAT(failure_of(options), ContainsSubstring("train_bytes"));
}

TEST_CASE("what is left of an epoch is left out, and no pair comes twice in a batch") {
  const TemporaryDirectory data, out;
  auto options = tiny_training(data, out, 20);  // 16 of 20, each epoch
  options.steps = 0;
  options.epochs = 3;
  const auto result = training::train(options);
  CHECK(result.steps == 3);
  CHECK(course(options.out).back().at("epoch").get<double>() == 2.8);
}

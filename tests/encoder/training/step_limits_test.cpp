// What a step may do at most: the clamped scale and the clipped gradient.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "encoder/clip_encoder.h"
#include "tests/encoder/training/tiny_training.h"

namespace {

namespace fs = std::filesystem;
namespace training = clipdex::training;
using namespace clipdex::tests;
using nlohmann::json;

// Overwrites the one number of "logit_scale" in a safetensors file.
void set_logit_scale(const fs::path& file, float value) {
  auto bytes = bytes_of(file);
  std::uint64_t header = 0;
  std::memcpy(&header, bytes.data(), sizeof header);
  const auto tensors = json::parse(bytes.substr(sizeof header, header));
  const auto at = sizeof header + header + tensors.at("logit_scale").at("data_offsets").at(0).get<std::size_t>();
  std::memcpy(bytes.data() + at, &value, sizeof value);
  write_file(file, bytes);
}

training::TrainingOptions tuning_from(const fs::path& model, const training::TrainingOptions& base, const TemporaryDirectory& out) {
  auto options = base;
  options.from = model;
  options.config.clear();
  options.vocabulary_size = 0;
  options.steps = 1;
  options.weight_decay = 0;
  options.out = out.path() / "run";
  return options;
}

}  // namespace

TEST_CASE("the scale stays between 1 and 100") {
  const TemporaryDirectory data, out, tuned;
  auto options = tiny_training(data, out, 20);
  options.steps = 1;
  const auto model = training::train(options).model;
  const float start = GENERATE(4.7F, -0.1F);
  set_logit_scale(model / "model.safetensors", start);
  const auto tuning = tuning_from(model, options, tuned);
  const auto result = training::train(tuning);
  const double expected = start > 0 ? std::log(100.0) : 0.0;
  CHECK_THAT(clipdex::encoder::ClipEncoder(result.model).info().logit_scale, Catch::Matchers::WithinAbs(expected, 1e-5));
  CHECK_THAT(course(tuning.out).at(0).at("logit_scale").get<double>(), Catch::Matchers::WithinRel(std::exp(expected), 1e-5));
}

TEST_CASE("a gradient over the norm is cut to it") {
  const TemporaryDirectory data, out, tuned;
  auto options = tiny_training(data, out, 20);
  options.steps = 1;
  const auto model = training::train(options).model;
  auto tuning = tuning_from(model, options, tuned);
  // AdamW's steps do not depend on the gradient's size until it is small beside epsilon: then nothing moves.
  tuning.clip_norm = GENERATE(1.0, 1e-12);
  const auto result = training::train(tuning);
  const clipdex::encoder::ClipEncoder before(model), after(result.model);
  const std::vector<std::string> texts = {"a red square at the top"};
  const auto from = before.encode_texts(texts).values, to = after.encode_texts(texts).values;
  float moved = 0;
  for (std::size_t i = 0; i < from.size(); ++i) moved = std::max(moved, std::abs(from[i] - to[i]));
  INFO(moved);
  CHECK((moved > 1e-4F) == (tuning.clip_norm == 1.0));
  // What is told is the norm before it was cut.
  CHECK(course(tuning.out).at(0).at("gradient_norm").get<double>() > 1e-3);
}

// Whether clipdex computes what the reference computes: openai/CLIP's model.py on the models of clip_golden.json.
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include "tests/cli/golden_model.h"
#include "tests/cli/outputs.h"

namespace {

namespace fs = std::filesystem;
using namespace clipdex::tests;

constexpr double kTolerance = 1e-5;

json golden(const std::string& name) {
  return json::parse(read_file(fs::path(CLIPDEX_SOURCE_DIR) / "tests/data/clip_golden.json")).at(name);
}

std::string text_of(const std::vector<int>& ids) {
  std::string text;
  for (const int id : ids) text += (text.empty() ? "" : ",") + std::to_string(id);
  return text;
}

// The embeddings of the golden pixels and of the golden tokens, as the projections leave them.
struct Features {
  std::vector<std::vector<float>> images, texts;
};

Features features_of(const fs::path& model, const fs::path& scratch) {
  const auto pixels = scratch / "pixels.npy";
  write_npy(pixels, {2, 3, 64, 64}, golden_pixels());
  std::vector<std::string> command = {"embed", "--model", model.string(), "--raw", "--json", "--pixels", pixels.string()};
  for (const auto& ids : golden_tokens()) {
    command.emplace_back("--token-ids");
    command.push_back(text_of(ids));
  }
  auto all = embeddings_of(output_of(command));
  if (all.size() != 5) throw std::runtime_error("not five embeddings");
  return {{all.begin(), all.begin() + 2}, {all.begin() + 2, all.end()}};
}

void check_equal(const std::vector<std::vector<float>>& ours, const json& theirs) {
  REQUIRE(ours.size() == theirs.size());
  for (std::size_t i = 0; i < ours.size(); ++i) CHECK(largest_difference(ours[i], theirs[i].get<std::vector<float>>()) <= kTolerance);
}

void check_logits(const Features& features, const json& theirs) {
  for (std::size_t i = 0; i < features.images.size(); ++i) {
    for (std::size_t j = 0; j < features.texts.size(); ++j) {
      double dot = 0;
      for (std::size_t k = 0; k < features.images[i].size(); ++k) dot += static_cast<double>(features.images[i][k]) * features.texts[j][k];
      const double logit = std::exp(2.5) * dot / length_of(features.images[i]) / length_of(features.texts[j]);
      CHECK_THAT(logit, Catch::Matchers::WithinAbs(theirs[i][j].get<double>(), 1e-4));
    }
  }
}

void check_reference(const Features& features, const json& reference) {
  check_equal(features.images, reference.at("image_features"));
  check_equal(features.texts, reference.at("text_features"));
  check_logits(features, reference.at("logits_per_image"));
}

}  // namespace

TEST_CASE("the formula of the golden models gives its published check numbers") {
  const auto projection = floats_of(golden_vit().at("visual.proj"));
  CHECK_THAT(projection[0], Catch::Matchers::WithinAbs(0.09372991, 1e-8));
  CHECK_THAT(projection[1], Catch::Matchers::WithinAbs(0.09996150, 1e-8));
  CHECK_THAT(projection[2], Catch::Matchers::WithinAbs(-0.04475161, 1e-8));
}

TEST_CASE("a vision transformer's image and text features are those of OpenAI's implementation") {
  const TemporaryDirectory directory;
  write_golden_vit_as_open_clip(directory.path() / "model");
  const auto features = features_of(directory.path() / "model", directory.path());
  check_reference(features, golden("vit_quick_gelu"));
}

TEST_CASE("a ResNet's image and text features are those of OpenAI's implementation") {
  const TemporaryDirectory directory;
  write_golden_resnet_as_open_clip(directory.path() / "model");
  const auto features = features_of(directory.path() / "model", directory.path());
  check_reference(features, golden("rn_quick_gelu"));
}

TEST_CASE("the same vision transformer as a Hugging Face directory gives the same features") {
  const TemporaryDirectory directory;
  write_golden_vit_as_huggingface(directory.path() / "model");
  const auto features = features_of(directory.path() / "model", directory.path());
  check_reference(features, golden("vit_quick_gelu"));
}

TEST_CASE("without --raw the golden features come out at unit length and in the same direction") {
  const TemporaryDirectory directory;
  write_golden_vit_as_open_clip(directory.path() / "model");
  const auto line =
      output_of({"embed", "--model", (directory.path() / "model").string(), "--token-ids", text_of(golden_tokens()[1])}).at(0);
  const auto unit = line.at("embedding").get<std::vector<float>>();
  auto expected = golden("vit_quick_gelu").at("text_features")[1].get<std::vector<float>>();
  const auto length = static_cast<float>(length_of(expected));
  for (auto& value : expected) value /= length;
  CHECK(largest_difference(unit, expected) <= kTolerance);
  CHECK_THAT(length_of(unit), Catch::Matchers::WithinAbs(1.0, 1e-6));
}

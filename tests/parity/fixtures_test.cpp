// Whether clipdex gives the embeddings that transformers and open_clip give, from the bytes of a picture's file and the characters of a
// text to the vector. The numbers in fixtures/ are theirs (make_fixtures.py; each file says which versions made it).
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "encoder/clip_encoder.h"
#include "encoder/image_decoder.h"
#include "tests/encoder/safetensors_files.h"
#include "tests/parity/formula_weights.h"
#include "tests/temporary_directory.h"

namespace {

namespace fs = std::filesystem;
using clipdex::encoder::ClipEncoder;
using nlohmann::json;

const fs::path kFixtures = fs::path(CLIPDEX_SOURCE_DIR) / "tests/parity/fixtures";

// Of a number in a vector of unit length. fp32 sums in another order differ by about 1e-6, the fixtures have seven decimals.
constexpr double kTolerance = 1e-5;

std::string read_file(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream) throw std::runtime_error("cannot read " + file.string());
  return {std::istreambuf_iterator<char>(stream), {}};
}

clipdex::encoder::Image picture(const std::string& name) {
  const auto bytes = read_file(kFixtures / "pictures" / name);
  return clipdex::encoder::decode_image({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
}

void write_model(const json& fixture, const fs::path& directory) {
  const bool huggingface = fixture.at("layout") == "huggingface";
  for (const auto& [name, content] : fixture.at("files").items()) std::ofstream(directory / name) << content.dump();
  std::map<std::string, clipdex::tests::TensorData> tensors;
  for (const auto& [name, shape] : fixture.at("tensors").items()) {
    const auto sides = shape.get<std::vector<std::int64_t>>();
    std::int64_t count = 1;
    for (const auto side : sides) count *= side;
    tensors[name] = clipdex::tests::float_tensor(sides, clipdex::tests::formula_weights(name, static_cast<std::size_t>(count)));
  }
  clipdex::tests::write_safetensors(directory / (huggingface ? "model.safetensors" : "open_clip_model.safetensors"), tensors);
  const fs::path source = CLIPDEX_SOURCE_DIR;
  if (huggingface) {
    for (const auto* name : {"vocab.json", "merges.txt"}) fs::copy_file(source / "tests/data/emoji-clip" / name, directory / name);
  } else {
    fs::copy_file(source / "tests/data/bpe_simple_vocab_16e6.txt.gz", directory / "bpe_simple_vocab_16e6.txt.gz");
  }
}

double largest_difference(std::span<const float> ours, const json& theirs) {
  REQUIRE(ours.size() == theirs.size());
  double largest = 0;
  for (std::size_t i = 0; i < ours.size(); ++i) largest = std::max(largest, std::abs(double{ours[i]} - theirs[i].get<double>()));
  return largest;
}

std::vector<std::string> fixtures() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(kFixtures)) {
    if (entry.path().extension() == ".json") names.push_back(entry.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

TEST_CASE("pictures' files and texts get the embeddings that transformers and open_clip give them") {
  const auto name = GENERATE(from_range(fixtures()));
  CAPTURE(name);
  const auto fixture = json::parse(read_file(kFixtures / (name + ".json")));
  const clipdex::tests::TemporaryDirectory directory;
  write_model(fixture, directory.path());
  const ClipEncoder encoder(directory.path());
  REQUIRE(fixture.at("images").size() >= 10);
  for (const auto& [file, embedding] : fixture.at("images").items()) {
    CAPTURE(file);
    const std::vector<clipdex::encoder::Image> images = {picture(file)};
    CHECK_THAT(largest_difference(encoder.encode_images(images).row(0), embedding), Catch::Matchers::WithinAbs(0, kTolerance));
  }
  REQUIRE(fixture.at("texts").size() >= 5);
  for (const auto& entry : fixture.at("texts")) {
    const auto text = entry.at("text").get<std::string>();
    CAPTURE(text);
    const std::vector<std::string> texts = {text};
    CHECK(encoder.tokenize(texts).front() == entry.at("ids").get<std::vector<std::int32_t>>());
    CHECK_THAT(largest_difference(encoder.encode_texts(texts).row(0), entry.at("embedding")), Catch::Matchers::WithinAbs(0, kTolerance));
  }
}

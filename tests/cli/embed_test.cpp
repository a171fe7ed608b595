// "clipdex embed": the right numbers in the right order, and clear words about inputs that cannot be embedded.
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include "tests/cli/golden_model.h"
#include "tests/cli/outputs.h"

namespace {

namespace fs = std::filesystem;
using namespace clipdex::tests;

constexpr std::size_t kPictureNumbers = std::size_t{3} * 64 * 64;
constexpr double kPrinted = 1e-5;  // the model's card has five decimals

const std::string kPicture = (kGallery / "frowning-face.png").string();

void check_begins(const json& line, const std::vector<float>& expected) {
  const auto embedding = line.at("embedding").get<std::vector<float>>();
  REQUIRE(embedding.size() == 128);
  CHECK(largest_difference({embedding.begin(), embedding.begin() + static_cast<std::ptrdiff_t>(expected.size())}, expected) <= kPrinted);
}

// Ends with `exit_code`, prints nothing on stdout and says all of `words`.
void check_refused(const std::vector<std::string>& arguments, int exit_code, const std::vector<std::string>& words) {
  const auto outcome = run_clipdex(arguments);
  CAPTURE(outcome.error);
  CHECK(outcome.exit_code == exit_code);
  CHECK(outcome.out.empty());
  for (const auto& word : words) {
    CAPTURE(word);
    CHECK(contains(outcome.error, word));
  }
}

void check_pixels_refused(const fs::path& file, int exit_code, const std::string& reason) {
  check_refused({"embed", "--pixels", file.string()}, exit_code, {file.string(), reason});
}

}  // namespace

TEST_CASE("embedding a text and a picture gives the numbers on the built-in model's card") {
  const auto lines = output_of({"embed", "--text", "a red apple", "--image", kPicture, "--json"});
  REQUIRE(lines.size() == 2);
  check_begins(lines[0], {-0.06099F, -0.00306F, 0.06005F, -0.14058F, 0.02248F, 0.08303F, -0.02341F, -0.04579F});
  check_begins(lines[1], {-0.05758F, -0.02196F, 0.08088F, 0.03071F, 0.07925F, -0.06667F, -0.07206F, 0.00912F});
}

TEST_CASE("embeddings come out in the order of the command line, whatever their kinds") {
  const auto picture = kPicture;
  const auto lines =
      output_of({"embed", "--text", "one", "--image", picture, "--token-ids", "4094,320,4095", "--text", "two", "--image", picture});
  std::vector<std::string> inputs, kinds;
  for (const auto& line : lines) {
    inputs.push_back(line.at("input"));
    kinds.push_back(line.at("kind"));
  }
  CHECK(inputs == std::vector<std::string>{"one", picture, "4094,320,4095", "two", picture});
  CHECK(kinds == std::vector<std::string>{"text", "image", "text", "text", "image"});
  const auto vectors = embeddings_of(lines);
  CHECK(vectors.at(1) == vectors.at(4));
  CHECK(vectors.at(0) != vectors.at(3));
}

TEST_CASE("embeddings are of unit length, and --raw leaves the length that the projection gives") {
  const std::vector<std::string> command = {"embed", "--text", "a red apple", "--image", kPicture};
  auto raw_command = command;
  raw_command.emplace_back("--raw");
  const auto unit = embeddings_of(output_of(command)), raw = embeddings_of(output_of(raw_command));
  REQUIRE(unit.size() == 2);
  for (std::size_t i = 0; i < unit.size(); ++i) {
    CHECK_THAT(length_of(unit[i]), Catch::Matchers::WithinAbs(1.0, 1e-6));
    const auto length = static_cast<float>(length_of(raw[i]));
    CHECK(std::abs(length - 1) > 1e-3);
    std::vector<float> scaled = raw[i];
    for (auto& value : scaled) value /= length;
    CHECK(largest_difference(scaled, unit[i]) <= 1e-6);
  }
}

TEST_CASE("a text in brackets, an empty text and a text that is no UTF-8 are each one text") {
  const auto lines = output_of({"embed", "--text", "[a,b]", "--text", "", "--text", "a\xFF"});
  REQUIRE(lines.size() == 3);
  CHECK(lines[0].at("input") == "[a,b]");
  CHECK(lines[1].at("input") == "");
  CHECK(lines[2].at("input") == "a\uFFFD");
}

TEST_CASE("token ids give the embedding of the text that they spell") {
  const auto vectors = embeddings_of(output_of({"embed", "--text", "a red apple", "--token-ids", "4094,320,734,3234,4095"}));
  REQUIRE(vectors.size() == 2);
  CHECK(vectors[0] == vectors[1]);
}

TEST_CASE("token ids that are no ids of the model are refused as wrong use") {
  check_refused({"embed", "--token-ids", "4094,cat,4095"}, 2, {"--token-ids", "4094,cat,4095"});
  check_refused({"embed", "--token-ids", "4094,,4095"}, 2, {"--token-ids"});
  check_refused({"embed", "--token-ids", ""}, 2, {"--token-ids"});
  check_refused({"embed", "--token-ids", "4094,99999999999,4095"}, 2, {"--token-ids"});
  check_refused({"embed", "--token-ids", "4094,4096,4095"}, 2, {"4096"});
  check_refused({"embed", "--token-ids", "4094,-1,4095"}, 2, {"-1"});
  std::string long_row = "4094";
  for (int i = 0; i < 40; ++i) long_row += ",320";
  check_refused({"embed", "--token-ids", long_row}, 2, {"32"});
}

TEST_CASE("pixels as a .npy file may be one picture of three dimensions or a batch of four") {
  const TemporaryDirectory directory;
  const std::vector<float> pixels(2 * kPictureNumbers, 0.5F);
  write_npy(directory.path() / "one.npy", {3, 64, 64}, std::span(pixels).first(pixels.size() / 2));
  write_npy(directory.path() / "two.npy", {2, 3, 64, 64}, pixels);
  const auto lines =
      output_of({"embed", "--pixels", (directory.path() / "one.npy").string(), "--pixels", (directory.path() / "two.npy").string()});
  const auto vectors = embeddings_of(lines);
  REQUIRE(vectors.size() == 3);
  CHECK(largest_difference(vectors[0], vectors[1]) <= 1e-6);
  CHECK(largest_difference(vectors[0], vectors[2]) <= 1e-6);
}

TEST_CASE("a .npy file of another type, order or shape is refused with its name and the reason") {
  const TemporaryDirectory directory;
  const std::vector<float> pixels(kPictureNumbers, 0.5F);
  const auto file = [&](const std::string& name) { return directory.path() / name; };
  write_npy(file("double.npy"), {1, 3, 64, 64}, pixels, "<f8");
  check_pixels_refused(file("double.npy"), 1, "float32");
  write_npy(file("big.npy"), {1, 3, 64, 64}, pixels, ">f4");
  check_pixels_refused(file("big.npy"), 1, "little-endian");
  write_npy(file("fortran.npy"), {1, 3, 64, 64}, pixels, "<f4", "True");
  check_pixels_refused(file("fortran.npy"), 1, "C order");
  write_npy(file("flat.npy"), {kPictureNumbers}, pixels);
  check_pixels_refused(file("flat.npy"), 2, "[n, 3, 64, 64]");
  write_npy(file("hwc.npy"), {1, 64, 64, 3}, pixels);
  check_pixels_refused(file("hwc.npy"), 2, "[n, 3, 64, 64]");
}

TEST_CASE("a .npy file that is damaged or claims too much is refused with its name and the reason") {
  const TemporaryDirectory directory;
  const std::vector<float> pixels(kPictureNumbers, 0.5F);
  const auto file = directory.path() / "x.npy";
  write_npy(file, {1, 3, 64, 64}, pixels);
  const std::string whole = read_file(file);
  const auto write = [&](const std::string& bytes) { std::ofstream(file, std::ios::binary) << bytes; };
  for (const std::size_t size : {std::size_t{0}, std::size_t{60}, whole.size() - 1}) {
    write(whole.substr(0, size));
    check_pixels_refused(file, 1, "truncated");
  }
  write("PK" + whole);
  check_pixels_refused(file, 1, "not a .npy file");
  write(whole.substr(0, 6) + '\x07' + whole.substr(7));
  check_pixels_refused(file, 1, "version 7");
  write(std::string("\x93NUMPY\x02\x00\xFF\xFF\xFF\x7F", 12) + whole);
  check_pixels_refused(file, 1, "header is too large");
  write_npy(file, {1000000000, 1000000000, 1000000000}, pixels);
  check_pixels_refused(file, 1, "too large");
}

TEST_CASE("a file that is missing, a folder or no picture is named in the message") {
  const TemporaryDirectory directory;
  const auto missing = (directory.path() / "missing.png").string();
  check_refused({"embed", "--image", missing}, 1, {missing, "No such file"});
  check_refused({"embed", "--pixels", missing}, 1, {missing, "No such file"});
  check_refused({"embed", "--image", directory.path().string()}, 1, {directory.path().string(), "not a regular file"});
  check_refused({"embed", "--pixels", directory.path().string()}, 1, {directory.path().string(), "not a regular file"});
  const auto text = (directory.path() / "text.png").string();
  std::ofstream(text) << "hello";
  check_refused({"embed", "--image", text}, 1, {text, "not a JPEG, PNG, "});
}

TEST_CASE("embedding nothing is wrong use, and what to name is said") {
  check_refused({"embed"}, 2, {"--text", "--image", "--token-ids", "--pixels"});
}

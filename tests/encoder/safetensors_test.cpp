#include "encoder/safetensors.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <functional>

#include "tests/encoder/safetensors_files.h"
#include "tests/temporary_directory.h"

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;
using clipdex::encoder::SafetensorsFile;
using clipdex::encoder::TensorType;
using clipdex::tests::float_tensor;
using clipdex::tests::TemporaryDirectory;
using clipdex::tests::write_file;
using clipdex::tests::write_safetensors;

TEST_CASE("a safetensors file gives back names, types, shapes and bytes") {
  const TemporaryDirectory directory;
  const auto file = directory.path() / "m.safetensors";
  write_safetensors(
      file, {{"a", float_tensor({2, 1}, {1.5F, -2.0F})}, {"empty", float_tensor({0, 3}, {})}, {"scalar", float_tensor({}, {7.0F})}});
  const SafetensorsFile opened(file);
  REQUIRE(opened.tensors().size() == 3);
  const auto& a = opened.tensors().at("a");
  CHECK(a.type == TensorType::kF32);
  CHECK(a.shape == std::vector<std::int64_t>{2, 1});
  float values[2];
  REQUIRE(a.data.size() == sizeof values);
  std::memcpy(values, a.data.data(), sizeof values);
  CHECK(values[0] == 1.5F);
  CHECK(values[1] == -2.0F);
  CHECK(opened.tensors().at("empty").data.empty());
  CHECK(opened.tensors().at("scalar").shape.empty());
}

TEST_CASE("a damaged or hostile safetensors header is refused with the file and the tensor named") {
  struct Case {
    std::string header, data, message;
  };
  const std::string four(4, 'x');
  const auto entry = [](const std::string& shape, const std::string& offsets, const std::string& type = "F32") {
    return R"({"w":{"dtype":")" + type + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}}";
  };
  const std::vector<Case> cases = {
      {"[1]", "", "not in the safetensors format"},
      {"{\"w\":", "", "not a JSON object"},
      {entry("[1]", "[0,8]"), four, "truncated"},
      {entry("[2]", "[0,4]"), four, "does not fit its size"},
      {entry("[-1]", "[0,4]"), four, "not a number"},
      {entry("[1.5]", "[0,4]"), four, "not a number"},
      {entry("[1]", "[4,0]"), four, "\"w\""},
      {entry("[1]", "[0,4]", "F5"), four, "unknown type F5"},
      {entry("[4611686018427387904,4611686018427387904]", "[0,4]"), four, "impossibly large"},
      {entry("[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]", "[0,4]"), four, "too many dimensions"},
      {entry("[1]", "[0,4]"), four + four, "bytes follow the last tensor"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", four, "overlap"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}})",
       four + four + four, "overlap or leave holes"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", four,
       "there twice"},
      {R"({"a":[[[[[[[[1]]]]]]]]})", four, "nested too deeply"},
      {R"({"a":7})", four, "no valid dtype"},
  };
  const TemporaryDirectory directory;
  for (const auto& test : cases) {
    const auto file = directory.path() / "bad.safetensors";
    write_file(file, test.header, test.data);
    INFO(test.header);
    CHECK_THROWS_MATCHES(SafetensorsFile(file), std::runtime_error,
                         MessageMatches(ContainsSubstring(test.message) && ContainsSubstring("bad.safetensors")));
  }
}

TEST_CASE("a header of more, or of longer names, than any checkpoint has is refused") {
  const TemporaryDirectory directory;
  const auto file = directory.path() / "many.safetensors";
  const std::string empty = R"({"dtype":"F32","shape":[0],"data_offsets":[0,0]})";
  const auto refused = [&](const std::string& header, const std::string& message) {
    INFO(message);
    write_file(file, header, "");
    CHECK_THROWS_MATCHES(SafetensorsFile(file), std::runtime_error,
                         MessageMatches(ContainsSubstring(message) && ContainsSubstring("many.safetensors")));
  };
  const auto many = [](std::size_t count, const std::string& value) {
    std::string members;
    for (std::size_t i = 0; i < count; ++i) members += (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\":" + value;
    return "{" + members + "}";
  };
  refused("{\"" + std::string(1025, 'n') + "\":" + empty + "}", "a name of over 1024 bytes");
  refused(many(100'001, empty), "over 100000 tensors");
  refused(R"({"w":{"dtype":"F32","shape":[0],"data_offsets":[0,0],"more":)" + many(40, "0") + "}}", "\"w\" has too many values");
  refused(R"({"__metadata__":)" + many(50'001, "\"\"") + "}", "too many values");
  refused(R"({"__metadata__":{},"__metadata__":{}})", "there twice");
  write_file(file, R"({"__metadata__":)" + many(1000, "\"\"") + ",\"" + std::string(1024, 'n') + "\":" + empty + "}", "");
  CHECK(SafetensorsFile(file).tensors().size() == 1);
}

TEST_CASE("a safetensors file cut anywhere is refused") {
  const TemporaryDirectory directory;
  const auto file = directory.path() / "m.safetensors";
  write_safetensors(file, {{"a", float_tensor({3}, {1, 2, 3})}, {"b", float_tensor({1}, {4})}});
  for (auto size = std::filesystem::file_size(file); size-- > 0;) {
    std::filesystem::resize_file(file, size);
    INFO(size);
    CHECK_THROWS_AS(SafetensorsFile(file), std::runtime_error);
  }
}

TEST_CASE("what is not a regular file is refused with its name") {
  const TemporaryDirectory directory;
  CHECK_THROWS_MATCHES(SafetensorsFile(directory.path() / "none"), std::runtime_error, MessageMatches(ContainsSubstring("none")));
  CHECK_THROWS_MATCHES(SafetensorsFile(directory.path()), std::runtime_error, MessageMatches(ContainsSubstring("regular file")));
}

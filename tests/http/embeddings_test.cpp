#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>
#include <cstring>

#include "tests/http/served_engine.h"

using namespace clipdex::tests;
using clipdex::http::encode_base64;

TEST_CASE("embeddings of texts and pictures come in the order of the input, as the model's card has them") {
  ServedEngine served;
  const auto answer = served.post(
      "/v1/embeddings",
      {{"input", {"a red apple", json{{"image", encode_base64(gallery_file("frowning-face.png"))}}, json{{"text", "a red apple"}}}},
       {"model", "emoji-clip"}});
  REQUIRE(answer);
  REQUIRE(answer->status == 200);
  const auto body = body_of(answer);
  CHECK(body.at("object") == "list");
  CHECK(body.at("model") == "emoji-clip");
  CHECK(body.at("usage") == json{{"prompt_tokens", 10}, {"total_tokens", 10}});
  REQUIRE(body.at("data").size() == 3);
  const double text[] = {-0.06099, -0.00306, 0.06005, -0.14058, 0.02248, 0.08303, -0.02341, -0.04579};
  const double image[] = {-0.05758, -0.02196, 0.08088, 0.03071, 0.07925, -0.06667, -0.07206, 0.00912};
  for (std::size_t i = 0; i < 8; ++i) {
    CHECK(body["data"][0].at("embedding")[i].get<double>() == Catch::Approx(text[i]).margin(1e-5));
    CHECK(body["data"][1].at("embedding")[i].get<double>() == Catch::Approx(image[i]).margin(1e-5));
    CHECK(body["data"][2].at("embedding")[i].get<double>() == Catch::Approx(text[i]).margin(1e-5));
  }
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(body["data"][i].at("object") == "embedding");
    CHECK(body["data"][i].at("index") == i);
    CHECK(body["data"][i].at("embedding").size() == 128);
  }
}

TEST_CASE("one string is an input too, and base64 holds the same numbers") {
  ServedEngine served;
  const auto plain = body_of(served.post("/v1/embeddings", {{"input", "火箭"}})).at("data");
  const auto packed =
      body_of(served.post("/v1/embeddings", {{"input", "火箭"}, {"encoding_format", "base64"}, {"user", "x"}, {"dimensions", 128}}))
          .at("data");
  REQUIRE(plain.size() == 1);
  const auto bytes = clipdex::http::decode_base64(packed[0].at("embedding").get<std::string>());
  REQUIRE(bytes);
  REQUIRE(bytes->size() == 128 * sizeof(float));
  std::vector<float> values(128);
  std::memcpy(values.data(), bytes->data(), bytes->size());
  CHECK(plain[0].at("embedding").get<std::vector<float>>() == values);
}

TEST_CASE("a model without a tokenizer embeds pictures all the same") {
  TemporaryDirectory directory;
  for (const auto* name : {"config.json", "model.safetensors", "preprocessor_config.json"})
    std::filesystem::copy_file(kModel / name, directory.path() / name);
  ServedEngine served({}, {.data_directory = {}, .model = directory.path()});
  const auto picture = served.post("/v1/embeddings", {{"input", {json{{"image", encode_base64(gallery_file("dog.png"))}}}}});
  const auto text = served.post("/v1/embeddings", {{"input", "a dog"}});
  CHECK(picture->status == 200);
  CHECK(text->status == 422);
  CHECK(error_message(text).find("no tokenizer") != std::string::npos);
}

TEST_CASE("impossible embedding requests are refused with the reason") {
  ServedEngine served;
  const auto status = [&](const json& body) { return served.post("/v1/embeddings", body)->status; };
  CHECK(status(json::object()) == 400);
  CHECK(status({{"input", 5}}) == 400);
  CHECK(status({{"input", {1, 2}}}) == 400);  // token ids are not what this takes
  CHECK(status({{"input", json::array()}}) == 422);
  CHECK(status({{"input", json::array_t(2049, "x")}}) == 422);
  CHECK(status({{"input", {json{{"text", "a"}, {"image", "b"}}}}}) == 400);
  CHECK(status({{"input", {json{{"image", encode_base64("no picture")}}}}}) == 415);
  CHECK(status({{"input", "a"}, {"model", "text-embedding-3-small"}}) == 404);
  CHECK(status({{"input", "a"}, {"dimensions", 64}}) == 422);
  CHECK(status({{"input", "a"}, {"encoding_format", "int8"}}) == 422);
  CHECK(status({{"input", "a"}, {"temperature", 1}}) == 400);
  CHECK(status({{"input", {""}}}) == 200);
}

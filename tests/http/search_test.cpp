#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>
#include <cmath>

#include "tests/http/served_engine.h"

using namespace clipdex::tests;
using clipdex::http::encode_base64;

namespace {

const std::string kSearch = "/v1/collections/c/search";

std::vector<std::string> ids_of(const json& answer) {
  std::vector<std::string> ids;
  for (const auto& hit : answer.at("hits")) ids.push_back(hit.at("id"));
  return ids;
}

}  // namespace

TEST_CASE("a text, a picture, an id and a vector find the picture they stand for") {
  ServedEngine served;
  ingest_sample(served);
  const auto by_text = served.post(kSearch, {{"text", "a red apple"}});
  REQUIRE(by_text);
  REQUIRE(by_text->status == 200);
  const auto answer = body_of(by_text);
  REQUIRE(answer.at("hits").size() == 4);
  CHECK(answer["hits"][0].at("id") == "red-apple.png");
  CHECK(answer["hits"][0].at("score").get<double>() == Catch::Approx(0.67).margin(0.005));  // of the model's card
  CHECK(answer["hits"][0].at("metadata") == json::object());
  for (const auto* stage : {"encode", "search", "total"}) CHECK(answer.at("took_ms").at(stage).get<double>() >= 0);
  for (std::size_t i = 1; i < 4; ++i) CHECK(answer["hits"][i].at("score") <= answer["hits"][i - 1].at("score"));

  CHECK(ids_of(body_of(served.post(kSearch, {{"text", "火箭"}, {"limit", 1}}))) == std::vector<std::string>{"rocket.png"});

  const auto by_image = body_of(served.post(kSearch, {{"image", encode_base64(gallery_file("scene-000.png"))}, {"limit", 1}}));
  CHECK(by_image.at("hits")[0].at("id") == "scene-000.png");
  CHECK(by_image.at("hits")[0].at("score").get<double>() == Catch::Approx(1).margin(1e-5));
  const auto by_form = body_of(served.client().Post(
      kSearch, httplib::MultipartFormDataItems{{"image", gallery_file("scene-000.png"), "q.png", "image/png"}, {"limit", "1", "", ""}}));
  CHECK(by_form.at("hits") == by_image.at("hits"));
  const auto by_id = body_of(served.post(kSearch, {{"id", "scene-000.png"}, {"limit", 1}, {"include", {"vector"}}}));
  CHECK(by_id.at("hits")[0].at("id") == "scene-000.png");
  CHECK_FALSE(by_id.at("hits")[0].contains("metadata"));
  auto vector = by_id.at("hits")[0].at("vector").get<std::vector<double>>();
  REQUIRE(vector.size() == 128);
  double length = 0;
  for (auto& value : vector) {
    length += value * value;
    value *= 1000;  // any length will do
  }
  CHECK(std::sqrt(length) == Catch::Approx(1).margin(1e-5));
  const auto by_vector = body_of(served.post(kSearch, {{"vector", vector}, {"limit", 1}}));
  CHECK(ids_of(by_vector) == std::vector<std::string>{"scene-000.png"});
}

TEST_CASE("limit, offset and min_score cut the hits") {
  ServedEngine served;
  ingest_sample(served);
  const auto all = body_of(served.post(kSearch, {{"text", "a dog"}})).at("hits");
  REQUIRE(all.size() == 4);
  const auto middle = body_of(served.post(kSearch, {{"text", "a dog"}, {"limit", 2}, {"offset", 1}, {"exact", true}})).at("hits");
  REQUIRE(middle.size() == 2);
  CHECK(middle[0].at("id") == all[1].at("id"));
  CHECK(middle[1].at("id") == all[2].at("id"));
  const auto strong = body_of(served.post(kSearch, {{"text", "a dog"}, {"min_score", all[1].at("score")}})).at("hits");
  CHECK(strong.size() == 2);
  CHECK(body_of(served.post(kSearch, {{"text", "a dog"}, {"offset", 100}})).at("hits").empty());
}

TEST_CASE("an empty collection answers with no hits") {
  ServedEngine served;
  served.put("/v1/collections/c");
  CHECK(body_of(served.post(kSearch, {{"text", "a dog"}})).at("hits").empty());
}

TEST_CASE("malformed searches get 400 and impossible values 422, each with the field's name") {
  ServedEngine served;
  ingest_sample(served);
  const auto refused = [&](const json& body, int status, const std::string& message) {
    const auto answer = served.post(kSearch, body);
    CAPTURE(body.dump(), answer->body);
    CHECK(answer->status == status);
    CHECK(error_message(answer).find(message) != std::string::npos);
  };
  refused(json::object(), 400, "exactly one of");
  refused({{"text", "a"}, {"id", "b"}}, 400, "exactly one of");
  refused({{"text", 5}}, 400, "\"text\" is not a string");
  refused({{"text", std::string(70'000, 'a')}}, 422, "65536 are the limit");
  refused({{"text", "a"}, {"limit", "10"}}, 400, "\"limit\" is not a number");
  refused({{"text", "a"}, {"limit", 0}}, 422, "limit");
  refused({{"text", "a"}, {"limit", 1001}}, 422, "1000");
  refused({{"text", "a"}, {"limit", -1}}, 422, "\"limit\"");
  refused({{"text", "a"}, {"limit", 1.5}}, 422, "\"limit\"");
  refused({{"text", "a"}, {"limit", 1e30}}, 422, "\"limit\"");
  refused({{"text", "a"}, {"offset", 10'000}}, 422, "10000");
  refused({{"text", "a"}, {"offset", std::uint64_t{18'446'744'073'709'551'615U}}}, 422, "10000");
  refused({{"text", "a"}, {"min_score", "high"}}, 400, "\"min_score\" is not a number");
  refused({{"text", "a"}, {"exact", 1}}, 400, "\"exact\" is not true or false");
  refused({{"text", "a"}, {"include", "vector"}}, 400, "\"include\" is not an array");
  refused({{"text", "a"}, {"include", {"pixels"}}}, 422, "\"metadata\" and \"vector\"");
  refused({{"text", "a"}, {"k", 3}}, 400, "there is no field \"k\"");
  refused({{"vector", {1, 2, 3}}}, 422, "128");
  refused({{"vector", std::vector<double>(128, 0)}}, 422, "vector");
  refused({{"vector", std::vector<double>(128, 1e300)}}, 422, "vector");
  refused({{"vector", {"a"}}}, 400, "\"vector\" is not an array of numbers");
  refused({{"image", "!"}}, 400, "\"image\" is not valid base64");
  refused({{"image", encode_base64("no picture")}}, 415, "JPEG");
  refused({{"id", "nobody"}}, 404, "nobody");
}

TEST_CASE("a picture that cannot be a query says why with its own status") {
  ServedEngine served({}, {.data_directory = {}, .model = {}, .limits = {.pixels_max = 100 * 100}});
  served.put("/v1/collections/c");
  const auto small_limit = served.post(kSearch, {{"image", encode_base64(gallery_file("scene-000.png"))}});
  CHECK(small_limit->status == 413);
  CHECK(error_code(small_limit) == "image_too_large");
  ServedEngine usual;
  usual.put("/v1/collections/c");
  const std::string png = gallery_file("dog.png");
  const auto cut = usual.post(kSearch, {{"image", encode_base64(png.substr(0, png.size() / 2))}});
  CHECK(cut->status == 422);
  CHECK(error_code(cut) == "corrupt_image");
}

TEST_CASE("many searches in one call succeed and fail each by itself") {
  ServedEngine served;
  ingest_sample(served);
  const auto answer = served.post(
      kSearch,
      {{"searches",
        {json{{"text", "a red apple"}, {"limit", 1}}, json{{"text", 1}}, json{{"id", "nobody"}}, json{{"id", "dog.png"}, {"limit", 1}}}}});
  REQUIRE(answer->status == 200);
  const auto results = body_of(answer).at("results");
  REQUIRE(results.size() == 4);
  CHECK(results[0].at("hits")[0].at("id") == "red-apple.png");
  CHECK(results[1].at("error").at("status") == 400);
  CHECK(results[1].at("error").at("message") == "\"searches[1].text\" is not a string");
  CHECK(results[2].at("error").at("status") == 404);
  CHECK(results[3].at("hits")[0].at("id") == "dog.png");
  CHECK(served.post(kSearch, {{"searches", {}}, {"limit", 3}})->status == 400);
  CHECK(served.post(kSearch, {{"searches", json::array_t(101, json::object())}})->status == 422);
}

TEST_CASE("search forms are as strict as search JSON") {
  ServedEngine served;
  ingest_sample(served);
  using Form = httplib::MultipartFormDataItems;
  const httplib::MultipartFormData picture = {"image", gallery_file("dog.png"), "q.png", "image/png"};
  const auto status = [&](const Form& form) { return served.client().Post(kSearch, form)->status; };
  CHECK(status({picture, {"include", "metadata,vector", "", ""}, {"min_score", "0.5", "", ""}, {"exact", "true", "", ""}}) == 200);
  CHECK(status({{"text", "a dog", "", ""}}) == 200);
  CHECK(status({picture, picture}) == 400);
  CHECK(status({picture, {"text", "a dog", "", ""}}) == 400);
  CHECK(status({picture, {"limit", "ten", "", ""}}) == 400);
  CHECK(status({picture, {"limit", "0", "", ""}}) == 422);
  CHECK(status({picture, {"colour", "red", "", ""}}) == 400);
  CHECK(status({picture, {"limit", "1", "", ""}, {"limit", "2", "", ""}}) == 400);
  CHECK(status({{"image", "", "empty.png", "image/png"}}) == 415);
}

TEST_CASE("a small request does not make an answer that fills the memory") {
  ServedEngine served;
  ingest_sample(served);
  json many = json::array();
  for (int i = 0; i < 6; ++i) many.push_back({{"text", "a dog"}, {"limit", 1000}});
  const auto hits = served.post(kSearch, {{"searches", many}});
  CHECK(hits->status == 422);
  CHECK(body_of(hits).at("error").at("message").get<std::string>().find("6000 hits") != std::string::npos);
  many[5]["limit"] = 5000;  // which cannot be, and fails by itself
  CHECK(served.post(kSearch, {{"searches", many}})->status == 200);
  // 64 KiB each: one is fine, many together are not.
  const std::string long_text(60'000, 'x');
  json images = json::array();
  for (int i = 0; i < 4; ++i)
    images.push_back(
        {{"id", "long-" + std::to_string(i)}, {"data", encode_base64(gallery_file("dog.png"))}, {"metadata", {{"text", long_text}}}});
  REQUIRE(served.post("/v1/collections/c/images", {{"images", images}})->status == 200);
  json searches = json::array();
  for (int i = 0; i < 100; ++i) searches.push_back({{"id", "long-0"}, {"limit", 8}});
  const auto results = body_of(served.post(kSearch, {{"searches", searches}})).at("results");
  REQUIRE(results.size() == 100);
  CHECK(results[0].contains("hits"));
  CHECK(results[99].at("error").at("status") == 422);
  CHECK(results[99].at("error").at("message").get<std::string>().find("include") != std::string::npos);
  for (auto& search : searches) search["include"] = json::array();
  CHECK(body_of(served.post(kSearch, {{"searches", searches}})).at("results").at(99).contains("hits"));
}

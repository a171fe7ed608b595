#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>

#include "http/client.h"
#include "tests/http/served_engine.h"

using namespace clipdex::tests;
using clipdex::http::encode_base64;

namespace {

json request(const std::string& picture, const json& more = json::object()) {
  json body = {{"image", encode_base64(gallery_file(picture))}, {"labels", {"dog", "rocket", "red apple"}}, {"templates", "plain"}};
  body.update(more);
  return body;
}

}  // namespace

TEST_CASE("a picture gets its labels with probabilities that sum to one, the best first") {
  ServedEngine served;
  const auto answer = served.post("/v1/classify", request("red-apple.png"));
  REQUIRE(answer);
  REQUIRE(answer->status == 200);
  const auto body = body_of(answer);
  REQUIRE(body.at("labels").size() == 3);
  CHECK(body["labels"][0].at("label") == "red apple");
  CHECK(body["labels"][0].at("score").get<double>() > body["labels"][1].at("score").get<double>());
  double sum = 0;
  for (const auto& label : body["labels"]) sum += label.at("probability").get<double>();
  CHECK(sum == Catch::Approx(1).margin(1e-5));
  for (const auto* name : {"labels", "encode", "total"}) CHECK(body.at("took_ms").at(name).get<double>() >= 0);
  const auto top = body_of(served.post("/v1/classify", request("red-apple.png", {{"top", 1}})));
  CHECK(top.at("labels") == json::array({body["labels"][0]}));
}

TEST_CASE("templates may be left out, named or listed") {
  ServedEngine served;
  const auto labels = [&](const json& templates) {
    auto body = request("rocket.png");
    body.erase("templates");
    if (!templates.is_null()) body["templates"] = templates;
    return body_of(served.post("/v1/classify", body)).at("labels");
  };
  CHECK(labels(nullptr) == labels("photo"));
  CHECK(labels({"a photo of a {}."}) == labels("photo"));
  CHECK(labels({"{}"}) == labels("plain"));
  CHECK(labels("plain") != labels("photo"));
  CHECK(labels({"{}", "a {}"}) != labels("plain"));
}

TEST_CASE("a form with the picture as a part is answered like JSON") {
  ServedEngine served;
  const auto expected = body_of(served.post("/v1/classify", request("rocket.png", {{"top", 2}}))).at("labels");
  for (const auto* labels : {"dog,rocket,red apple", " dog, rocket ,red apple,", R"(["dog","rocket","red apple"])"}) {
    const auto answer = served.client().Post(
        "/v1/classify", httplib::MultipartFormDataItems{{"image", gallery_file("rocket.png"), "rocket.png", "image/png"},
                                                        {"labels", labels, "", ""},
                                                        {"templates", "plain", "", ""},
                                                        {"top", "2", "", ""}});
    REQUIRE(answer);
    REQUIRE(answer->status == 200);
    CHECK(body_of(answer).at("labels") == expected);
  }
  const auto twice =
      served.client().Post("/v1/classify", httplib::MultipartFormDataItems{{"labels", "a", "", ""}, {"labels", "b", "", ""}});
  CHECK(twice->status == 400);
}

TEST_CASE("impossible classifications are refused with the reason") {
  ServedEngine served;
  const auto status = [&](const json& body) { return served.post("/v1/classify", body)->status; };
  CHECK(status(json::object()) == 400);
  CHECK(status({{"labels", {"a"}}}) == 400);
  CHECK(status({{"image", encode_base64(gallery_file("dog.png"))}}) == 400);
  CHECK(status(request("dog.png", {{"labels", "dog"}})) == 400);
  CHECK(status(request("dog.png", {{"labels", {1}}})) == 400);
  CHECK(status(request("dog.png", {{"labels", json::array()}})) == 422);
  CHECK(status(request("dog.png", {{"labels", {"a", "a"}}})) == 422);
  CHECK(status(request("dog.png", {{"labels", {""}}})) == 422);
  CHECK(status(request("dog.png", {{"labels", {std::string(1025, 'a')}}})) == 422);
  CHECK(status(request("dog.png", {{"templates", "imagenet"}})) == 422);
  CHECK(status(request("dog.png", {{"templates", {"no place"}}})) == 422);
  CHECK(status(request("dog.png", {{"templates", 7}})) == 400);
  CHECK(status(request("dog.png", {{"top", 0}})) == 422);
  CHECK(status(request("dog.png", {{"top", -1}})) == 422);
  CHECK(status(request("dog.png", {{"colour", 1}})) == 400);
  CHECK(status(request("dog.png", {{"image", "%"}})) == 400);
  CHECK(status(request("dog.png", {{"image", encode_base64("no picture")}})) == 415);
  CHECK(status(request("dog.png", {{"image", encode_base64(gallery_file("dog.png").substr(0, 200))}})) == 422);
  CHECK(served.get("/v1/classify")->status == 405);
  json many = json::array();
  const auto limit = body_of(served.get("/v1/info")).at("limits").at("classify_prompts").get<std::size_t>();
  for (std::size_t i = 0; i <= limit; ++i) many.push_back(std::to_string(i));
  const auto refused = served.post("/v1/classify", request("dog.png", {{"labels", many}}));
  CHECK(refused->status == 422);
  CHECK(error_message(refused).find(std::to_string(limit)) != std::string::npos);
}

TEST_CASE("a picture over the server's limits is too large to classify") {
  clipdex::engine::EngineOptions options;
  options.limits.pixels_max = 100;
  ServedEngine served({}, options);
  const auto answer = served.post("/v1/classify", request("dog.png"));
  CHECK(answer->status == 413);
  CHECK(error_code(answer) == "image_too_large");
}

TEST_CASE("the client gives what the engine gives") {
  ServedEngine served;
  const clipdex::engine::LabelSet set{.labels = {"dog", "rocket"}, .templates = {"{}"}};
  const auto here = served.engine().classify(gallery_file("rocket.png"), set, 2);
  const auto there = clipdex::http::Client(served.url()).classify(gallery_file("rocket.png"), set, 2);
  REQUIRE(there.labels.size() == 2);
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK(there.labels[i].label == here.labels[i].label);
    CHECK(there.labels[i].score == here.labels[i].score);
    CHECK(there.labels[i].probability == Catch::Approx(here.labels[i].probability).margin(1e-6));
  }
}

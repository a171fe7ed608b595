// What a caller need not send again.
#include <catch2/catch_test_macros.hpp>

#include "engine/identifiers.h"
#include "tests/http/served_engine.h"

using namespace clipdex::tests;

TEST_CASE("known tells which images an ingest would leave unchanged, metadata included") {
  ServedEngine served;
  served.put("/v1/collections/c");
  json image = image_json("a", "lemon.png");
  image["metadata"] = {{"n", 1.0}, {"b", "x"}};
  REQUIRE(served.post("/v1/collections/c/images", {{"images", {image, image_json("b", "pizza.png")}}})->status == 200);
  const auto lemon = clipdex::engine::content_hash(gallery_file("lemon.png")),
             pizza = clipdex::engine::content_hash(gallery_file("pizza.png"));
  const auto answer =
      served.post("/v1/collections/c/known", {{"images",
                                               {{{"id", "a"}, {"content_hash", lemon}},
                                                {{"id", "a"}, {"content_hash", pizza}},
                                                {{"id", "c"}, {"content_hash", lemon}},
                                                {{"id", "a"}, {"content_hash", lemon}, {"metadata", {{"b", "x"}, {"n", 1.0}}}},
                                                {{"id", "a"}, {"content_hash", lemon}, {"metadata", json::object()}},
                                                {{"id", "a"}, {"content_hash", lemon}, {"metadata", {1}}},
                                                {{"id", "b"}, {"content_hash", pizza}, {"metadata", json::object()}}}}});
  REQUIRE(answer->status == 200);
  CHECK(body_of(answer) == json{{"known", {true, false, false, true, false, false, true}}});
}

TEST_CASE("known refuses what is malformed, too much, or of no collection") {
  ServedEngine served({.images_per_request_max = 2});
  served.put("/v1/collections/c");
  const auto path = "/v1/collections/c/known";
  CHECK(served.post(path, {{"images", 1}})->status == 400);
  CHECK(served.post(path, {{"images", {{{"id", "a"}}}}})->status == 400);
  CHECK(served.post(path, {{"images", {{{"content_hash", "a"}}}}})->status == 400);
  CHECK(served.post(path, {{"images", {{{"id", "a"}, {"content_hash", "b"}, {"data", ""}}}}})->status == 400);
  const json one = {{"id", "a"}, {"content_hash", "b"}};
  CHECK(served.post(path, {{"images", {one, one}}})->status == 200);
  CHECK(error_code(served.post(path, {{"images", {one, one, one}}})) == "too_many_images");
  CHECK(error_code(served.post("/v1/collections/nowhere/known", {{"images", json::array()}})) == "collection_not_found");
}

#include <catch2/catch_test_macros.hpp>

#include "tests/http/served_engine.h"

using namespace clipdex::tests;
namespace engine = clipdex::engine;

TEST_CASE("a collection is made once, described, listed and dropped") {
  ServedEngine served;
  const auto made = served.put("/v1/collections/photos", {{"store", "original"}});
  REQUIRE(made);
  CHECK(made->status == 201);
  CHECK(made->get_header_value("Content-Type") == "application/json");
  const auto again = served.put("/v1/collections/photos", {{"store", "original"}});
  CHECK(again->status == 200);
  CHECK(body_of(again).at("settings") == json{{"index", "auto"}, {"store", "original"}});

  const auto described = body_of(served.get("/v1/collections/photos"));
  CHECK(described.at("name") == "photos");
  CHECK(described.at("images") == 0);
  CHECK(described.at("dimension") == 128);
  CHECK(described.at("model").at("name") == "emoji-clip");
  CHECK(described.at("disk_bytes").get<std::int64_t>() > 0);

  const auto listed = body_of(served.get("/v1/collections"));
  REQUIRE(listed.at("collections").size() == 1);
  CHECK(listed.at("collections")[0].at("name") == "photos");
  CHECK(listed.at("unusable").empty());

  const auto dropped = served.remove("/v1/collections/photos");
  CHECK(dropped->status == 204);
  CHECK(dropped->body.empty());
  const auto gone = served.get("/v1/collections/photos");
  CHECK(gone->status == 404);
  CHECK(error_code(gone) == "collection_not_found");
  CHECK(served.remove("/v1/collections/photos")->status == 404);
}

TEST_CASE("a collection is made by PUT without a body") {
  ServedEngine served;
  CHECK(served.client().Put("/v1/collections/photos")->status == 201);
  CHECK(body_of(served.get("/v1/collections/photos")).at("settings").at("store") == "thumbnail");
}

TEST_CASE("a collection with other settings is not overwritten") {
  ServedEngine served;
  served.put("/v1/collections/photos", {{"store", "none"}});
  const auto other = served.put("/v1/collections/photos", {{"store", "original"}});
  CHECK(other->status == 409);
  CHECK(error_message(other).find("other settings") != std::string::npos);
  CHECK(body_of(served.get("/v1/collections/photos")).at("settings").at("store") == "none");
}

TEST_CASE("impossible names and settings are refused with the reason") {
  ServedEngine served;
  for (const auto* name :
       {"Photos", "%2e%2e", "a%2Fb", "-a", "_a", "a%00b", "%C3%A4", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}) {
    CAPTURE(name);
    const auto answer = served.put(std::string("/v1/collections/") + name);
    CHECK(answer->status == 422);
    CHECK(error_code(answer) == "invalid_value");
  }
  CHECK(served.put("/v1/collections/c", {{"store", "everything"}})->status == 422);
  CHECK(served.put("/v1/collections/c", {{"index", "cagra"}})->status == 422);
  CHECK(served.put("/v1/collections/c", {{"index", 5}})->status == 400);
  const auto unknown = served.put("/v1/collections/c", {{"indx", "flat"}});
  CHECK(unknown->status == 400);
  CHECK(error_message(unknown) == "there is no field \"indx\"; possible are index, store");
  CHECK(served.put("/v1/collections/c", json::array())->status == 400);
  CHECK(served.client().Put("/v1/collections/c", "{\"store\"", "application/json")->status == 400);
  CHECK(served.client().Put("/v1/collections/c?x=1")->status == 400);
  CHECK(body_of(served.get("/v1/collections")).at("collections").empty());
}

TEST_CASE("a collection of another model is named as unusable and every use of it is a conflict") {
  TemporaryDirectory directory;
  write_other_model(directory.path() / "other");
  {
    engine::Engine other({.data_directory = directory.path() / "data", .model = directory.path() / "other"});
    other.create_collection("theirs", {});
  }
  ServedEngine served({}, {.data_directory = directory.path() / "data"});
  const auto listed = body_of(served.get("/v1/collections"));
  const auto used = served.get("/v1/collections/theirs");
  const auto searched = served.post("/v1/collections/theirs/search", {{"text", "a dog"}});
  const auto made = served.client().Put("/v1/collections/theirs");
  REQUIRE(listed.at("unusable").size() == 1);
  CHECK(listed.at("unusable")[0].at("name") == "theirs");
  CHECK(listed.at("unusable")[0].at("reason").get<std::string>().find("--model") != std::string::npos);
  for (const auto* answer : {&used, &searched, &made}) {
    CHECK((*answer)->status == 409);
    CHECK(error_code(*answer) == "conflict");
  }
}

#include <catch2/catch_test_macros.hpp>
#include <filesystem>

#include "http/client.h"
#include "tests/http/served_engine.h"

using namespace clipdex::tests;

TEST_CASE("a snapshot is made, listed, restorable and deleted") {
  ServedEngine served;
  ingest_sample(served);
  CHECK(body_of(served.get("/v1/snapshots")).at("snapshots").empty());
  const auto made = served.post("/v1/snapshots", {{"name", "before-cleaning"}});
  REQUIRE(made->status == 201);
  const auto body = body_of(made);
  CHECK(body.at("name") == "before-cleaning");
  CHECK(body.at("collections") == 1);
  CHECK(body.at("images") == 4);
  CHECK(body_of(served.get("/v1/snapshots")).at("snapshots") == json{"before-cleaning"});
  // What happens to the collection afterwards does not reach it.
  REQUIRE(served.remove("/v1/collections/c")->status == 204);
  TemporaryDirectory elsewhere;
  clipdex::engine::restore_snapshot(body.at("path").get<std::string>(), elsewhere.path() / "data");
  {
    clipdex::engine::Engine restored({.data_directory = elsewhere.path() / "data", .model = kModel});
    CHECK(restored.collection("c")->statistics().images == 4);
  }
  CHECK(served.remove("/v1/snapshots/before-cleaning")->status == 204);
  CHECK(served.remove("/v1/snapshots/before-cleaning")->status == 404);
  CHECK(body_of(served.get("/v1/snapshots")).at("snapshots").empty());
}

TEST_CASE("a snapshot without a name is named by the time, and one that is there is not replaced") {
  ServedEngine served;
  ingest_sample(served);
  const auto unnamed = served.client().Post("/v1/snapshots");
  REQUIRE(unnamed->status == 201);
  const std::string name = body_of(unnamed).at("name");
  const auto again = served.post("/v1/snapshots", {{"name", name}});
  CHECK(again->status == 409);
  CHECK(error_code(again) == "conflict");
}

TEST_CASE("the client leaves it to the server to name a snapshot") {
  ServedEngine served;
  const auto made = clipdex::http::Client(served.url()).create_snapshot("");
  CHECK(body_of(served.get("/v1/snapshots")).at("snapshots") == json{made.path.filename().string()});
}

TEST_CASE("a snapshot's name cannot lead out of its directory") {
  ServedEngine served;
  for (const auto* name : {"", "../x", "a/b", ".", "..", "A", "a b"}) {
    CAPTURE(name);
    CHECK(served.post("/v1/snapshots", {{"name", name}})->status == 422);
  }
  CHECK(served.remove("/v1/snapshots/..%2Fcollections")->status == 422);
  CHECK(served.post("/v1/snapshots", {{"path", "/tmp/x"}})->status == 400);
}

// A collection's life through the real program: everything that a user does, a restart, and the same answers after it.
#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>

#include "tests/clipdex_program.h"
#include "tests/e2e/rest_client.h"

using namespace clipdex::tests;

namespace {

const std::string kCollection = "/v1/collections/photos";

void ingest_all(RestClient& client) {
  client.put(kCollection, {{"store", "original"}});
  REQUIRE(client.status() == 201);
  json images = json::array();
  for (const auto* name : {"red-apple.png", "rocket.png", "dog.png", "guide-dog.png"}) images.push_back(image_of(name, gallery_file(name)));
  images[0]["metadata"] = {{"caption", "our apple"}};
  const auto results = client.post(kCollection + "/images", {{"images", images}}).at("results");
  for (const auto& result : results) REQUIRE(result.at("status") == "created");
  const auto form = client.post_form(kCollection + "/images",
                                     httplib::MultipartFormDataItems{{"f", gallery_file("scene-000.png"), "scene.png", "image/png"}});
  REQUIRE(form.at("results")[0].at("status") == "created");
}

// Ids and scores of the four kinds of search.
json search_four_ways(RestClient& client) {
  const auto hits = [&](const json& body) {
    json found = json::array();
    const json answer = client.post(kCollection + "/search", body);
    for (const auto& hit : answer.at("hits")) found.push_back({hit.at("id"), hit.at("score")});
    return found;
  };
  const json vector = client.post("/v1/embeddings", {{"input", "cat and pizza"}}).at("data")[0].at("embedding");
  return {{"text", hits({{"text", "火箭"}})},
          {"image", hits({{"image", base64(gallery_file("dog.png"))}})},
          {"id", hits({{"id", "red-apple.png"}})},
          {"vector", hits({{"vector", vector}})}};
}

}  // namespace

TEST_CASE("what was ingested, replaced, described and deleted is the same after a restart") {
  TemporaryDirectory data;
  json before, records;
  {
    RunningServer server(data.path());
    RestClient client(server.url());
    ingest_all(client);
    const auto found = search_four_ways(client);
    CHECK(found["text"][0][0] == "rocket.png");
    CHECK(found["image"][0][0] == "dog.png");
    CHECK(found["id"][0][0] == "red-apple.png");
    CHECK(found["id"][0][1].get<double>() == Catch::Approx(1).margin(1e-5));
    CHECK(found["vector"][0][1].get<double>() == Catch::Approx(0.69).margin(0.005));  // cat and pizza, of the model's card

    CHECK(client.post(kCollection + "/images", {{"images", {image_of("rocket.png", gallery_file("tomato.png"))}}})
              .at("results")[0]
              .at("status") == "updated");
    client.remove(kCollection + "/images/guide-dog.png");
    CHECK(client.status() == 204);
    CHECK(client.patch(kCollection + "/images/dog.png", {{"caption", "our dog"}}).at("metadata") == json{{"caption", "our dog"}});
    before = search_four_ways(client);
    CHECK(before["text"].size() == 4);
    CHECK(before["text"][0][0] != "guide-dog.png");
    records = client.get(kCollection + "/images");
    CHECK(server.stop() == 0);
  }
  RunningServer server(data.path());
  RestClient client(server.url());
  CHECK(search_four_ways(client) == before);
  CHECK(client.get(kCollection + "/images") == records);
  CHECK(client.get(kCollection).at("images") == 4);
  const auto original = client.http().Get(kCollection + "/images/rocket.png/content?size=original");
  CHECK(original->body == gallery_file("tomato.png"));
  // Ids and rows go on where they ended, and known bytes are not encoded again.
  CHECK(client.post(kCollection + "/images", {{"images", {image_of("guide-dog.png", gallery_file("guide-dog.png"))}}})
            .at("results")[0]
            .at("status") == "created");
  CHECK(client.post(kCollection + "/images", {{"images", {image_of("dog.png", gallery_file("dog.png"))}}}).at("results")[0].at("status") ==
        "unchanged");
  CHECK(client.post(kCollection + "/search", {{"id", "guide-dog.png"}, {"limit", 1}}).at("hits")[0].at("id") == "guide-dog.png");
}

TEST_CASE("bad pictures over HTTP fail alone, each with its reason, and the server goes on") {
  TemporaryDirectory data;
  RunningServer server(data.path(), {"--max-pixels", "20000"});
  RestClient client(server.url());
  client.put(kCollection);
  const std::string png = gallery_file("dog.png");  // 128 x 128 is 16,384 pixels
  std::string huge = png;
  huge[16] = huge[20] = '\x7F';  // the header now says 2 billion pixels each way, and its checksum is wrong as well
  const auto results =
      client
          .post(kCollection + "/images", {{"images",
                                           {image_of("empty", ""), image_of("cut", png.substr(0, 1000)),
                                            image_of("noise", std::string(5000, '\x5A')), image_of("huge", huge), image_of("good", png)}}})
          .at("results");
  REQUIRE(client.status() == 200);
  const char* expected[] = {"unsupported_image", "corrupt_image", "unsupported_image"};
  for (std::size_t i = 0; i < 3; ++i) CHECK(results[i].at("error").at("code") == expected[i]);
  CHECK(results[3].at("status") == "failed");
  CHECK(results[4].at("status") == "created");
  CHECK(client.get(kCollection).at("images") == 1);
  CHECK(client.get("/readyz").at("status") == "ready");
}

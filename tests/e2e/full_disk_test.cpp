// A disk that fills up while images come in: the program in a mount namespace of its own, with a small tmpfs as data directory.
#include <catch2/catch_test_macros.hpp>
#include <random>

#include "tests/clipdex_program.h"
#include "tests/e2e/rest_client.h"

using namespace clipdex::tests;

TEST_CASE("a full disk is answered with 507, reading goes on, and what was acknowledged is there") {
  TemporaryDirectory data;
  const std::string command = "mount -t tmpfs -o size=160m tmpfs " + data.path().string() + " && exec " + kProgram +
                              " serve --port 0 --data " + data.path().string() + "/data";
  ChildProcess process({"unshare", "--user", "--map-root-user", "--mount", "sh", "-c", command});
  std::string url;
  while (url.empty()) {
    if (process.exit_code()) SKIP("no small disk can be made here: " + process.error());
    url = announced_url(process.error());
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  RestClient client(url);
  // Something to make room with later: the log of the full collection is written to files when its store is opened again.
  client.put("/v1/collections/ballast", {{"store", "original"}});
  std::string noise(std::size_t{12} << 20, '\0');
  std::mt19937 random_noise(1);
  for (auto& byte : noise) byte = static_cast<char>(random_noise());
  for (int i = 0; i < 4; ++i) {
    noise.front() = static_cast<char>(i);
    client.post("/v1/collections/ballast/images", {{"images", {image_of("ballast" + std::to_string(i), gallery_file("cat.png") + noise)}}});
    REQUIRE(client.status() == 200);
  }
  client.put("/v1/collections/c", {{"store", "original"}});
  REQUIRE(client.status() == 201);
  const std::string png = gallery_file("dog.png");
  int acknowledged = 0;
  for (; acknowledged < 1000; ++acknowledged) {
    // A valid picture with ballast behind its end, other bytes each time.
    std::string ballast(1 << 20, '\0');
    std::mt19937 random(static_cast<unsigned>(acknowledged));
    for (auto& byte : ballast) byte = static_cast<char>(random());
    const auto answer = client.post("/v1/collections/c/images", {{"images", {image_of(std::to_string(acknowledged), png + ballast)}}});
    if (client.status() != 200) {
      CHECK(client.status() == 507);
      CHECK(answer.at("error").at("code") == "disk_full");
      break;
    }
    REQUIRE(answer.at("results")[0].at("status") == "created");
  }
  CHECK(acknowledged > 5);
  CHECK(acknowledged < 1000);
  CHECK(client.get("/v1/collections/c").at("images") == acknowledged);
  CHECK(client.post("/v1/collections/c/search", {{"text", "dog"}, {"limit", 1000}}).at("hits").size() ==
        static_cast<std::size_t>(acknowledged));
  CHECK(client.get("/v1/collections/c/images/0").at("id") == "0");
  // With room, writing goes on by itself.
  client.remove("/v1/collections/ballast");
  REQUIRE(client.status() == 204);
  client.post("/v1/collections/c/images", {{"images", {image_of("after", png)}}});
  CHECK(client.status() == 200);
  CHECK(client.get("/v1/collections/c").at("images") == acknowledged + 1);
  CHECK(client.post("/v1/collections/c/search", {{"id", "after"}, {"limit", 1000}}).at("hits").size() ==
        static_cast<std::size_t>(acknowledged + 1));
}

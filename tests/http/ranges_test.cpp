// Range, which is for contents and nothing else.
#include <catch2/catch_test_macros.hpp>

#include "tests/http/served_engine.h"

using namespace clipdex::tests;

namespace {

const std::string kImages = "/v1/collections/c/images";

httplib::Headers range(const std::string& text) { return {{"Range", text}}; }

void check_refused(const httplib::Result& answer) {
  REQUIRE(answer);
  CHECK(answer->status == 416);
  CHECK(answer->get_header_value("Content-Type") == "application/json");
  CHECK(answer->has_header("X-Request-Id"));
  CHECK(error_code(answer) == "range_not_satisfiable");
}

}  // namespace

TEST_CASE("a content is given by ranges, and one that it does not have is an error in JSON") {
  ServedEngine served;
  ingest_sample(served);
  const std::string content = kImages + "/dog.png/content";
  const auto whole = served.get(content)->body;
  const auto part = served.client().Get(content, range("bytes=10-19"));
  CHECK(part->status == 206);
  CHECK(part->body == whole.substr(10, 10));
  CHECK(part->get_header_value("Content-Range") == "bytes 10-19/" + std::to_string(whole.size()));
  CHECK(served.client().Get(content, range("bytes=-5"))->body == whole.substr(whole.size() - 5));
  check_refused(served.client().Get(content, range("bytes=999999999-")));
  CHECK(served.client().Head(content, range("bytes=999999999-"))->status == 416);
  check_refused(served.client().Get(content, range("lines=1-2,x")));
  CHECK(served.get(content)->body == whole);
}

TEST_CASE("a Range does not touch what is no content") {
  ServedEngine served;
  ingest_sample(served);
  for (const auto* text : {"bytes=0-3", "bytes=999999-", "bytes=0-1,5-6"}) {
    CAPTURE(text);
    const auto body = json{{"images", {image_json(text, "cat.png")}}}.dump();
    const auto stored = served.client().Post(kImages, range(text), body, "application/json");
    REQUIRE(stored);
    CHECK(stored->status == 200);
    CHECK(body_of(stored).at("results")[0].at("status") == "created");
    const auto info = served.client().Get("/v1/info", range(text));
    CHECK(info->status == 200);
    CHECK(body_of(info).at("name") == "clipdex");
    CHECK(served.client().Delete(kImages + "/" + text, range(text))->status == 204);
    for (const auto* missing : {"/none/content", "/none", "/dog.png/content?size=original"}) {
      CAPTURE(missing);
      const auto error = served.client().Get(kImages + missing, range(text));
      CHECK(error->status == 404);
      CHECK_FALSE(error_message(error).empty());
    }
  }
}

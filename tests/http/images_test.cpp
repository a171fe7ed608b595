#include <catch2/catch_test_macros.hpp>

#include "tests/http/served_engine.h"

using namespace clipdex::tests;
using clipdex::http::decode_base64;
using clipdex::http::encode_base64;

namespace {

const std::string kImages = "/v1/collections/c/images";

}  // namespace

TEST_CASE("JSON images are created, updated and unchanged, with one result each in order") {
  ServedEngine served;
  served.put("/v1/collections/c");
  auto apple = image_json("one", "red-apple.png");
  apple["metadata"] = {{"caption", "an apple"}};
  apple["source"] = "apples/red.png";
  const auto first = served.post(kImages, {{"images", {apple, image_json("two", "dog.png")}}});
  REQUIRE(first);
  CHECK(first->status == 200);
  CHECK(body_of(first).at("results") ==
        json({{{"id", "one"}, {"source", "apples/red.png"}, {"status", "created"}}, {{"id", "two"}, {"status", "created"}}}));
  const auto second =
      body_of(served.post(kImages, {{"images", {image_json("one", "rocket.png"), image_json("two", "dog.png")}}})).at("results");
  CHECK(second[0].at("status") == "updated");
  CHECK(second[1].at("status") == "unchanged");
  const auto record = body_of(served.get(kImages + "/one"));
  CHECK(record.at("width") == 128);
  CHECK(record.at("height") == 128);
  CHECK(record.at("format") == "png");
  CHECK(record.at("bytes") == gallery_file("rocket.png").size());
  CHECK(record.at("metadata") == json{{"caption", "an apple"}});  // what no new metadata came for is kept
  CHECK(record.at("updated_ms").get<std::int64_t>() >= record.at("created_ms").get<std::int64_t>());
}

TEST_CASE("the same picture twice in a request is stored once, and two captions for it contradict each other") {
  ServedEngine served;
  served.put("/v1/collections/c");
  const auto twice = body_of(served.post(kImages, {{"images", {image_json("a", "dog.png"), image_json("a", "dog.png")}}})).at("results");
  CHECK(twice[0].at("status") == "created");
  CHECK(twice[1].at("status") == "unchanged");
  auto first = image_json("b", "cat.png"), second = first;
  first["metadata"] = {{"caption", "a cat"}};
  second["metadata"] = {{"caption", "our cat"}};
  const auto contradicting = body_of(served.post(kImages, {{"images", {first, second}}})).at("results");
  CHECK(contradicting[0].at("status") == "created");
  CHECK(contradicting[1].at("error").at("code") == "duplicate_id");
  CHECK(body_of(served.get(kImages + "/b")).at("metadata") == json{{"caption", "a cat"}});
}

TEST_CASE("a form's files are ingested with their names and their metadata") {
  ServedEngine served;
  served.put("/v1/collections/c");
  const httplib::MultipartFormDataItems form = {{"files", gallery_file("red-apple.png"), "apple.png", "image/png"},
                                                {"files", gallery_file("dog.png"), "hünd \"x\".png", "image/png"},
                                                {"metadata", R"({"apple.png":{"caption":"an apple"}})", "", "application/json"}};
  const auto answer = served.client().Post(kImages, form);
  REQUIRE(answer);
  REQUIRE(answer->status == 200);
  const auto results = body_of(answer).at("results");
  REQUIRE(results.size() == 2);
  CHECK(results[0].at("status") == "created");
  CHECK(results[0].at("source") == "apple.png");
  const auto record = body_of(served.get(kImages + "/" + results[0].at("id").get<std::string>()));
  CHECK(record.at("id") == record.at("content_hash"));  // files of a form are named by their content
  CHECK(record.at("metadata") == json{{"caption", "an apple"}});
}

TEST_CASE("one bad image fails alone with its reason") {
  ServedEngine served;
  served.put("/v1/collections/c");
  const std::string png = gallery_file("dog.png");
  const auto with = [](const std::string& id, const std::string& bytes) { return json{{"id", id}, {"data", encode_base64(bytes)}}; };
  auto array_metadata = image_json("array", "dog.png");
  array_metadata["metadata"] = {1, 2};
  const auto answer =
      served.post(kImages, {{"images",
                             {with("cut", png.substr(0, png.size() / 2)), with("empty", ""), with("text", "hello"), with("pdf", "%PDF-1.7"),
                              array_metadata, with("", png), with("a\nb", png), image_json("good", "rocket.png")}}});
  REQUIRE(answer->status == 200);
  const auto results = body_of(answer).at("results");
  REQUIRE(results.size() == 8);
  const char* codes[] = {"corrupt_image",    "unsupported_image", "unsupported_image", "unsupported_image",
                         "invalid_metadata", "invalid_id",        "invalid_id"};
  for (std::size_t i = 0; i < std::size(codes); ++i) {
    CAPTURE(results[i].dump());
    CHECK(results[i].at("status") == "failed");
    CHECK(results[i].at("error").at("code") == codes[i]);
    CHECK_FALSE(results[i].at("error").at("message").get<std::string>().empty());
  }
  CHECK(results[7].at("status") == "created");
  CHECK(body_of(served.get("/v1/collections/c")).at("images") == 1);
}

TEST_CASE("malformed ingest requests are refused whole and name the field") {
  ServedEngine served;
  served.put("/v1/collections/c");
  const auto refused = [&](const json& body, const std::string& message) {
    const auto answer = served.post(kImages, body);
    CAPTURE(body.dump(), answer->body);
    CHECK(answer->status == 400);
    CHECK(error_message(answer).find(message) != std::string::npos);
  };
  const std::string data = encode_base64(gallery_file("dog.png"));
  refused({{"images", "x"}}, "\"images\" is not an array");
  refused(json::object(), "\"images\" is not an array");
  refused({{"images", {1}}}, "images[0] is not a JSON object");
  refused({{"images", {json{{"data", data}}, json{{"id", "x"}}}}}, "\"images[1].data\" is missing");
  refused({{"images", {json{{"data", 7}}}}}, "\"images[0].data\" is not a string");
  refused({{"images", {json{{"data", "@@@@"}}}}}, "\"images[0].data\" is not valid base64");
  refused({{"images", {json{{"data", data}, {"id", 7}}}}}, "\"images[0].id\" is not a string");
  refused({{"images", {json{{"data", data}, {"url", "x"}}}}}, "there is no field \"images[0].url\"");
  CHECK(served.client().Post(kImages, "", "application/json")->status == 400);
  CHECK(served.client().Post(kImages, "not JSON", "application/json")->status == 400);
  CHECK(served.client().Post(kImages, "{\"images\":[{\"id\":\"\xFF\"}]}", "application/json")->status == 400);
  CHECK(served.client().Post(kImages, httplib::MultipartFormDataItems{{"x", "1", "", ""}})->status == 400);
  CHECK(served.client().Post(kImages, httplib::MultipartFormDataItems{{"f", "1", "a.png", ""}, {"metadata", "[]", "", ""}})->status == 400);
  CHECK(served.client()
            .Post(kImages, httplib::MultipartFormDataItems{{"f", "1", "a.png", ""}, {"metadata", R"({"b.png":{}})", "", ""}})
            ->status == 400);
  CHECK(served.post("/v1/collections/nowhere/images", {{"images", json::array()}})->status == 404);
  CHECK(body_of(served.get("/v1/collections/c")).at("images") == 0);
}

TEST_CASE("ids of every kind find their way through paths") {
  ServedEngine served;
  served.put("/v1/collections/c");
  const std::pair<std::string, std::string> ids[] = {{"a/b/c.png", "a%2Fb%2Fc.png"},
                                                     {"50% off?#", "50%25%20off%3F%23"},
                                                     {"..", ".."},
                                                     {"火箭 🚀", "%E7%81%AB%E7%AE%AD%20%F0%9F%9A%80"},
                                                     {"a+b&c=d", "a+b&c=d"}};
  for (const auto& [id, path] : ids) {
    CAPTURE(id);
    CHECK(body_of(served.post(kImages, {{"images", {image_json(id, "dog.png")}}})).at("results")[0].at("status") == "created");
    const auto found = served.get(kImages + "/" + path);
    REQUIRE(found->status == 200);
    CHECK(body_of(found).at("id") == id);
    CHECK(served.get(kImages + "/" + path + "/content")->status == 200);
    CHECK(body_of(served.post("/v1/collections/c/search", {{"id", id}, {"limit", 1}})).at("hits")[0].at("id") == id);
    CHECK(served.remove(kImages + "/" + path)->status == 204);
    CHECK(served.get(kImages + "/" + path)->status == 404);
  }
  CHECK(served.get(kImages + "/%2")->status == 400);
  CHECK(served.get(kImages + "/%zz")->status == 400);
}

TEST_CASE("metadata is merge-patched and nothing else of the record changes") {
  ServedEngine served;
  ingest_sample(served);
  served.patch(kImages + "/dog.png", {{"caption", "our dog"}, {"nested", {{"a", 1}, {"b", 2}}}});
  const auto answer = served.patch(kImages + "/dog.png", {{"nested", {{"a", nullptr}}}, {"year", 2024}});
  REQUIRE(answer->status == 200);
  CHECK(body_of(answer).at("metadata") == json{{"caption", "our dog"}, {"nested", {{"b", 2}}}, {"year", 2024}});
  CHECK(body_of(served.get(kImages + "/dog.png")) == body_of(answer));
  CHECK(served.patch(kImages + "/dog.png", json::array())->status == 400);
  CHECK(served.patch(kImages + "/dog.png", {{"big", std::string(70'000, 'x')}})->status == 422);
  CHECK(served.patch(kImages + "/cat.png", json::object())->status == 404);
  CHECK(body_of(served.get(kImages + "/dog.png")) == body_of(answer));
}

TEST_CASE("a deleted image is gone from records, content and search") {
  ServedEngine served;
  ingest_sample(served);
  CHECK(served.remove(kImages + "/red-apple.png")->status == 204);
  CHECK(served.remove(kImages + "/red-apple.png")->status == 404);
  CHECK(served.get(kImages + "/red-apple.png/content")->status == 404);
  const auto hits = body_of(served.post("/v1/collections/c/search", {{"text", "a red apple"}})).at("hits");
  REQUIRE(hits.size() == 3);
  for (const auto& hit : hits) CHECK(hit.at("id") != "red-apple.png");
}

TEST_CASE("pictures of every format are taken, and an original is sent with its media type") {
  ServedEngine served;
  served.put("/v1/collections/all", {{"store", "original"}});
  const auto seeds = std::filesystem::path(CLIPDEX_SOURCE_DIR) / "tests/fuzz/seeds";
  for (const auto& [file, format] :
       {std::pair{"png/rgb", "png"}, std::pair{"webp/animated", "webp"}, std::pair{"gif/palette", "gif"}, std::pair{"heif/heic", "heic"},
        std::pair{"heif/avif", "avif"}, std::pair{"tiff/rgb_lzw", "tiff"}, std::pair{"bmp/palette", "bmp"}}) {
    INFO(file);
    const auto bytes = read_file(seeds / file);
    const auto cut = bytes.substr(0, bytes.size() / 2);
    const json images = {{{"id", format}, {"data", encode_base64(bytes)}}, {{"id", "cut"}, {"data", encode_base64(cut)}}};
    const auto results = body_of(served.post("/v1/collections/all/images", {{"images", images}})).at("results");
    REQUIRE(results[0].at("status") == "created");
    CHECK(results[1].at("error").at("code") == "corrupt_image");
    const std::string image = std::string("/v1/collections/all/images/") + format;
    CHECK(body_of(served.get(image)).at("format") == format);
    const auto original = served.get(image + "/content?size=original");
    CHECK(original->body == bytes);
    CHECK(original->get_header_value("Content-Type") == std::string("image/") + format);
    CHECK(original->get_header_value("X-Content-Type-Options") == "nosniff");
    CHECK(served.get(image + "/content")->get_header_value("Content-Type") == "image/jpeg");
  }
}

TEST_CASE("content is what the collection keeps, with a tag that saves sending it again") {
  ServedEngine served;
  served.put("/v1/collections/all", {{"store", "original"}});
  served.put("/v1/collections/small", {{"store", "thumbnail"}});
  served.put("/v1/collections/none", {{"store", "none"}});
  for (const auto* name : {"all", "small", "none"}) {
    served.post("/v1/collections/" + std::string(name) + "/images", {{"images", {image_json("dog", "dog.png")}}});
  }
  const auto original = served.get("/v1/collections/all/images/dog/content?size=original");
  CHECK(original->body == gallery_file("dog.png"));
  CHECK(original->get_header_value("Content-Type") == "image/png");
  CHECK(original->get_header_value("X-Content-Type-Options") == "nosniff");
  const auto thumbnail = served.get("/v1/collections/small/images/dog/content");
  CHECK(thumbnail->status == 200);
  CHECK(thumbnail->get_header_value("Content-Type") == "image/jpeg");
  CHECK(thumbnail->body.starts_with("\xFF\xD8\xFF"));
  const auto known =
      served.client().Get("/v1/collections/small/images/dog/content", {{"If-None-Match", thumbnail->get_header_value("ETag")}});
  CHECK(known->status == 304);
  CHECK(known->body.empty());
  const auto missing = served.get("/v1/collections/small/images/dog/content?size=original");
  CHECK(missing->status == 404);
  CHECK(error_code(missing) == "content_not_stored");
  CHECK(served.get("/v1/collections/none/images/dog/content")->status == 404);
  CHECK(served.get("/v1/collections/all/images/dog/content?size=huge")->status == 422);
}

TEST_CASE("listing goes page by page in order of ids") {
  ServedEngine served;
  ingest_sample(served);
  const auto first = body_of(served.get(kImages + "?limit=3"));
  REQUIRE(first.at("images").size() == 3);
  CHECK(first.at("images")[0].at("id") == "dog.png");
  const auto second = body_of(served.get(kImages + "?limit=3&cursor=" + first.at("next_cursor").get<std::string>()));
  REQUIRE(second.at("images").size() == 1);
  CHECK(second.at("images")[0].at("id") == "scene-000.png");
  CHECK(second.at("next_cursor").is_null());
  CHECK(served.get(kImages + "?limit=0")->status == 422);
  CHECK(served.get(kImages + "?limit=1001")->status == 422);
  CHECK(served.get(kImages + "?limit=x")->status == 400);
  CHECK(served.get(kImages + "?cursor=%21")->status == 400);
  CHECK(served.get(kImages + "?page=2")->status == 400);
}

TEST_CASE("base64 goes both ways and takes no nonsense") {
  for (std::size_t size = 0; size < 70; ++size) {
    std::string bytes;
    for (std::size_t i = 0; i < size; ++i) bytes += static_cast<char>(i * 37 + size);
    CHECK(decode_base64(encode_base64(bytes)) == bytes);
    CHECK(clipdex::http::decode_base64url(clipdex::http::encode_base64url(bytes)) == bytes);
  }
  CHECK(decode_base64("data:image/png;base64,aGk=") == "hi");
  for (const auto* text : {"a", "aGk", "aG k", "aGk=\n", "=aGk", "a===", "====", "aG=k", "data:image/png,aGk=", "aGk=aGk="}) {
    CAPTURE(text);
    CHECK_FALSE(decode_base64(text));
  }
}

TEST_CASE("a page of a listing is shorter where metadata are long, and the next one goes on from there") {
  ServedEngine served;
  served.put("/v1/collections/c");
  constexpr std::size_t kImages = 300;  // of 60 KB: more than one answer holds
  const std::string long_text(60'000, 'x');
  for (std::size_t first = 0; first < kImages; first += 50) {
    json images = json::array();
    for (std::size_t i = first; i < first + 50; ++i)
      images.push_back({{"id", std::to_string(1000 + i)},
                        {"data", clipdex::http::encode_base64(gallery_file("dog.png"))},
                        {"metadata", {{"text", long_text}}}});
    REQUIRE(served.post("/v1/collections/c/images", {{"images", images}})->status == 200);
  }
  std::string cursor;
  std::vector<std::string> ids;
  int pages = 0;
  do {
    const auto page = body_of(served.get("/v1/collections/c/images?limit=1000" + (cursor.empty() ? "" : "&cursor=" + cursor)));
    for (const auto& image : page.at("images")) ids.push_back(image.at("id"));
    cursor = page.at("next_cursor").is_null() ? "" : page.at("next_cursor").get<std::string>();
    ++pages;
  } while (!cursor.empty() && pages < 10);
  CHECK(pages == 2);
  REQUIRE(ids.size() == kImages);
  for (std::size_t i = 0; i < kImages; ++i) CHECK(ids[i] == std::to_string(1000 + i));
}

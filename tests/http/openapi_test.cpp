// The API's description: that it names what the server answers, and that the server answers what it says.
#include <catch2/catch_test_macros.hpp>
#include <set>

#include "http/router.h"
#include "tests/http/json_schema.h"
#include "tests/http/served_engine.h"

using namespace clipdex::tests;
using clipdex::http::encode_base64;

namespace {

std::string lower(std::string text) {
  for (auto& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

// Holds answers against the document, and remembers which operations and statuses it has seen.
class Described {
 public:
  explicit Described(ServedEngine& served) : served_(served), document_(body_of(served.get("/openapi.json"))), schema_(document_) {}

  const json& document() const { return document_; }
  const std::set<std::string>& seen() const { return seen_; }

  void check(const std::string& method, const std::string& target, const httplib::Result& answer) {
    REQUIRE(answer);
    const auto* route = clipdex::http::find_route(method, target);
    REQUIRE(route != nullptr);
    const auto status = std::to_string(answer->status);
    INFO(method << " " << target << " -> " << status << " " << answer->body.substr(0, 300));
    const auto& operation = document_.at("paths").at(std::string(route->pattern)).at(lower(method));
    REQUIRE(operation.at("responses").contains(status));
    const auto& described = operation["responses"][status];
    const auto type = answer->get_header_value("Content-Type");
    if (!described.contains("content")) {
      CHECK(answer->body.empty());
    } else if (type == "application/json") {
      REQUIRE(described["content"].contains(type));
      CHECK(schema_.mismatch(json::parse(answer->body), described["content"][type].at("schema")) == "");
    } else {
      const auto& media = described["content"].begin().key();
      CHECK(type.starts_with(media.substr(0, media.find('*'))));
    }
    seen_.insert(std::string(route->operation.id) + " " + status);
  }
  void get(const std::string& target) { check("GET", target, served_.get(target)); }
  void post(const std::string& target, const json& body) { check("POST", target, served_.post(target, body)); }
  void remove(const std::string& target) { check("DELETE", target, served_.remove(target)); }

 private:
  ServedEngine& served_;
  json document_;
  JsonSchema schema_;
  std::set<std::string> seen_;
};

}  // namespace

TEST_CASE("the description has exactly the routes of the route table, with their path parameters") {
  ServedEngine served;
  const auto document = body_of(served.get("/openapi.json"));
  std::set<std::string> described, routed;
  std::set<std::string> ids;
  for (const auto& [path, item] : document.at("paths").items()) {
    for (const auto& [method, operation] : item.items()) {
      if (method == "parameters") continue;
      described.insert(method + " " + path);
      ids.insert(operation.at("operationId").get<std::string>());
    }
    CHECK(std::count(path.begin(), path.end(), '{') == static_cast<std::ptrdiff_t>(item.value("parameters", json::array()).size()));
  }
  for (const auto& route : clipdex::http::routes()) routed.insert(lower(std::string(route.method)) + " " + std::string(route.pattern));
  CHECK(described == routed);
  CHECK(ids.size() == described.size());
}

TEST_CASE("every reference of the description leads somewhere") {
  ServedEngine served;
  const auto document = body_of(served.get("/openapi.json"));
  std::size_t references = 0;
  const auto flat = document.flatten();
  for (const auto& [pointer, value] : flat.items()) {
    if (!pointer.ends_with("/$ref")) continue;
    INFO(pointer << " " << value);
    CHECK(document.contains(json::json_pointer(value.get<std::string>().substr(1))));
    ++references;
  }
  CHECK(references > 50);
}

TEST_CASE("the server's answers are what the description says, route by route") {
  ServedEngine served;
  Described described(served);
  const std::string c = "/v1/collections/c", images = c + "/images", search = c + "/search";
  const auto put = [&](const json& body) { described.check("PUT", c, served.put(c, body)); };
  put({{"store", "original"}});
  put({{"store", "original"}});
  put({{"store", "none"}});
  put({{"store", 5}});
  put({{"store", "all"}});
  described.post(images, {{"images", {image_json("a", "dog.png"), image_json("b", "rocket.png"), {{"id", "x"}, {"data", ""}}}}});
  described.post(images, {{"images", 5}});
  described.post("/v1/collections/none/images", {{"images", json::array()}});
  for (const auto* target : {"/v1/collections", "/v1/collections/c", "/v1/collections/none", "/v1/info", "/healthz", "/readyz", "/metrics",
                             "/openapi.json", "/", "/web/app.js", "/favicon.ico", "/v1/info?x=1"})
    described.get(target);
  for (const auto* target : {"", "?limit=1", "?limit=0", "?limit=x", "?cursor=!", "/a", "/none", "/a/content", "/a/content?size=original",
                             "/none/content", "/a/content?size=huge"})
    described.get(images + target);
  const auto tag = served.get(images + "/a/content")->get_header_value("ETag");
  described.check("GET", images + "/a/content", served.client().Get(images + "/a/content", {{"If-None-Match", tag}}));
  described.check("GET", images + "/a/content", served.client().Get(images + "/a/content", {{"Range", "bytes=0-9"}}));
  described.check("GET", images + "/a/content", served.client().Get(images + "/a/content", {{"Range", "bytes=999999999-"}}));
  described.check("PATCH", images + "/a", served.patch(images + "/a", {{"k", 1}}));
  described.check("PATCH", images + "/a", served.patch(images + "/a", json::array()));
  described.check("PATCH", images + "/none", served.patch(images + "/none", {{"k", 1}}));
  const std::string hash(32, '0');
  described.post(c + "/known",
                 {{"images", {{{"id", "a"}, {"content_hash", hash}}, {{"id", "none"}, {"content_hash", hash}, {"metadata", {{"k", 1}}}}}}});
  described.post(c + "/known", {{"images", 5}});
  described.post("/v1/snapshots", {{"name", "s"}});
  described.post("/v1/snapshots", {{"name", "s"}});
  described.post("/v1/snapshots", {{"name", "../s"}});
  described.get("/v1/snapshots");
  described.get("/web/none.js");
  for (int again = 0; again < 2; ++again) described.check("DELETE", "/v1/snapshots/s", served.remove("/v1/snapshots/s"));
  const std::vector<float> vector(128, 1.0F);
  described.post(search, {{"text", "a dog"}});
  described.post(search, {{"id", "a"}, {"include", {"vector"}}});
  described.post(search, {{"vector", vector}, {"exact", true}, {"min_score", -1}});
  described.post(search, {{"image", encode_base64(gallery_file("cat.png"))}});
  described.post(search, {{"image", encode_base64("no picture")}});
  described.post(search, {{"searches", {{{"text", "a dog"}}, {{"id", "none"}}, 5}}});
  described.post(search, {{"id", "none"}});
  described.post(search, {{"text", "a dog"}, {"limit", 0}});
  described.post(search, {{"text", "a dog"}, {"colour", "red"}});
  described.check("POST", search, served.client().Post(search, {{"Sec-Fetch-Site", "cross-site"}}, "{}", "application/json"));
  described.post("/v1/classify", {{"image", encode_base64(gallery_file("cat.png"))}, {"labels", {"cat", "dog"}}});
  described.post("/v1/classify", {{"image", encode_base64(gallery_file("cat.png"))}, {"labels", json::array()}});
  described.post("/v1/embeddings", {{"input", {"a dog", {{"image", encode_base64(gallery_file("cat.png"))}}}}});
  described.post("/v1/embeddings", {{"input", "a dog"}, {"encoding_format", "base64"}});
  described.post("/v1/embeddings", {{"input", "a dog"}, {"model", "other"}});
  described.post("/v1/embeddings", {{"input", json::array()}});
  described.remove(images + "/a");
  described.remove(images + "/a");
  described.remove(c);
  described.remove(c);
  // Whatever is described as an answer has been seen, but for readyz's while stopping.
  for (const auto& route : clipdex::http::routes()) {
    for (const auto& answer : route.operation.answers) {
      if (answer.status == 0 || answer.status == 503) continue;
      INFO(route.operation.id << " " << answer.status);
      CHECK(described.seen().contains(std::string(route.operation.id) + " " + std::to_string(answer.status)));
    }
  }
}

TEST_CASE("what fits the description is taken up to its bounds, and what does not is refused") {
  ServedEngine served;
  ingest_sample(served);
  const auto document = body_of(served.get("/openapi.json"));
  const JsonSchema schema(document);
  // Sends a body of which the description says what the server does with it.
  const auto agrees = [&](const std::string& path, const std::string& name, const json& body, bool fits) {
    INFO(path << " " << body.dump().substr(0, 300));
    const auto wrong = schema.mismatch(body, document.at("components").at("schemas").at(name));
    INFO(wrong);
    CHECK(wrong.empty() == fits);
    const auto answer = served.post(path, body);
    REQUIRE(answer);
    INFO(answer->body.substr(0, 300));
    CHECK((answer->status < 300) == fits);
  };
  const auto search = [&](const json& more, bool fits) {
    json body = {{"text", "a dog"}};
    body.update(more);
    agrees("/v1/collections/c/search", "SearchRequest", body, fits);
  };
  for (const json& limit : {json(1), json(1000), json(10.0), json(nullptr)}) search({{"limit", limit}}, true);
  for (const json& limit : {json(0), json(1001), json(1.5), json(-1), json("1"), json(1e300)}) search({{"limit", limit}}, false);
  search({{"limit", 1}, {"offset", 9999}}, true);
  search({{"limit", 1}, {"offset", 10'000}}, false);
  search({{"include", json::array()}, {"exact", nullptr}, {"min_score", -1}}, true);

  const auto snapshot = [&](const json& snapshot_name, bool fits) {
    agrees("/v1/snapshots", "NewSnapshot", {{"name", snapshot_name}}, fits);
  };
  for (const json& name : {json(nullptr), json("a"), json(std::string(64, 'z'))}) snapshot(name, true);
  for (const json& name : {json(""), json("A"), json("-a"), json(std::string(65, 'z')), json(1)}) snapshot(name, false);

  const auto classify = [&](const json& more, bool fits) {
    json body = {{"image", encode_base64(gallery_file("cat.png"))}, {"labels", {"cat"}}, {"templates", "plain"}};
    REQUIRE(body["image"].get<std::string>().size() < 20'000);  // the pattern of a larger one is too much for std::regex
    body.update(more);
    agrees("/v1/classify", "ClassifyRequest", body, fits);
  };
  classify({{"labels", {std::string(1024, 'x')}}, {"top", 1}}, true);
  classify({{"labels", {std::string(1025, 'x')}}}, false);
  classify({{"labels", json::array()}}, false);
  json labels = json::array();
  for (int i = 0; i <= 10'000; ++i) labels.push_back(std::to_string(i));
  classify({{"labels", labels}}, false);
  for (const auto* once : {"{}", "a {} b", "{ {}", "}{}{"}) classify({{"templates", {once}}}, true);
  for (const auto* other : {"", "{ }", "{}{}", "a {} is a {}"}) classify({{"templates", {other}}}, false);
  classify({{"templates", json::array()}}, false);
  classify({{"templates", {"{}" + std::string(1022, 'x')}}}, true);
  classify({{"templates", {"{}" + std::string(1023, 'x')}}}, false);
  for (const auto* picture : {"AAA", "AAAAA", "A===", "AA=A", "AA A"}) {
    classify({{"image", picture}}, false);
    agrees("/v1/collections/c/images", "NewImages", {{"images", {{{"data", picture}}}}}, false);
  }
  for (const auto* picture : {"AAAA", "AAA=", "AA=="})  // none is a picture, which fails it alone
    agrees("/v1/collections/c/images", "NewImages", {{"images", {{{"data", picture}}}}}, true);

  agrees("/v1/embeddings", "EmbedRequest", {{"input", std::vector<std::string>(2048, "a dog")}}, true);
  agrees("/v1/embeddings", "EmbedRequest", {{"input", std::vector<std::string>(2049, "a dog")}}, false);
  agrees("/v1/embeddings", "EmbedRequest", {{"input", "a dog"}, {"dimensions", 128}, {"user", 7}}, true);
  agrees("/v1/embeddings", "EmbedRequest", {{"input", "a dog"}, {"dimensions", 64}}, false);
}

TEST_CASE("what is refused before its path is looked at is described for every call") {
  ServedEngine served;
  const auto document = body_of(served.get("/openapi.json"));
  for (const auto& [path, item] : document.at("paths").items()) {
    for (const auto& [method, operation] : item.items()) {
      if (method == "parameters") continue;
      INFO(method << " " << path);
      CHECK(operation.at("responses").contains("default"));
    }
  }
  const auto answer = served.get("/v1/collections/c/images/" + std::string(8'180, 'a'));
  REQUIRE(answer);
  CHECK(answer->status == 414);
  const auto& described = document["paths"]["/v1/collections/{collection}/images/{id}"]["get"]["responses"]["default"];
  CHECK(JsonSchema(document).mismatch(body_of(answer), described.at("content").at("application/json").at("schema")) == "");
}

TEST_CASE("the description states this server's limits") {
  ServedEngine served({.body_bytes_max = 12'345'678, .images_per_request_max = 77});
  const auto document = body_of(served.get("/openapi.json"));
  CHECK(document.at("components").at("schemas").at("NewImages").at("properties").at("images").at("maxItems") == 77);
  CHECK(document.at("components").at("requestBodies").at("Images").dump().find("12345678") != std::string::npos);
}

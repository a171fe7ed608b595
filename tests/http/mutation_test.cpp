// Valid requests of every route, broken in every way that a seeded generator finds, against a real server.
// CLIPDEX_MUTATIONS sets their number (20,000 for a long run under the asan preset), CLIPDEX_SEED the seed.
#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <fstream>
#include <random>
#include <set>

#include "http/router.h"
#include "tests/http/raw_connection.h"
#include "tests/http/served_engine.h"

using namespace clipdex::tests;
using clipdex::http::encode_base64;
using clipdex::http::ServerOptions;

namespace {

std::uint64_t setting(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

struct Example {
  std::string method, target, headers, body;

  std::string bytes() const {
    std::string text = method + " " + target + " HTTP/1.1\r\nHost: localhost\r\n" + headers;
    if (!body.empty() || method == "POST" || method == "PUT" || method == "PATCH")
      text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    return text + "\r\n" + body;
  }
};

std::string form(const std::vector<std::array<std::string, 3>>& parts) {  // name, file name, content
  std::string text;
  for (const auto& [name, file, content] : parts) {
    text += "--xyz\r\nContent-Disposition: form-data; name=\"" + name + "\"" + (file.empty() ? "" : "; filename=\"" + file + "\"") +
            "\r\n\r\n" + content + "\r\n";
  }
  return text + "--xyz--\r\n";
}

std::vector<Example> examples() {
  const std::string c = "/v1/collections/c", typed = "Content-Type: application/json\r\n";
  const std::string multipart = "Content-Type: multipart/form-data; boundary=xyz\r\n";
  const auto picture = gallery_file("dog.png");
  const std::vector<float> vector(128, 0.5F);
  return {
      {"GET", "/v1/collections", "", ""},
      {"PUT", "/v1/collections/other", typed, R"({"index":"flat","store":"none"})"},
      {"GET", c, "", ""},
      {"DELETE", "/v1/collections/other", "", ""},
      {"POST", c + "/images", typed,
       json{{"images", {image_json("a", "dog.png"), {{"id", "b"}, {"data", "AAAA"}, {"metadata", {{"k", {1, "x", nullptr}}}}}}}}.dump()},
      {"POST", c + "/images", multipart, form({{"f", "dog.png", picture}, {"metadata", "", R"({"dog.png":{"k":1}})"}})},
      {"GET", c + "/images?limit=2&cursor=YQ", "", ""},
      {"GET", c + "/images/dog.png", "", ""},
      {"POST", c + "/known", typed,
       R"({"images":[{"id":"dog.png","content_hash":"00000000000000000000000000000000","metadata":{"k":1}}]})"},
      {"POST", "/v1/snapshots", typed, R"({"name":"s"})"},
      {"GET", "/v1/snapshots", "", ""},
      {"DELETE", "/v1/snapshots/s", "", ""},
      {"PATCH", c + "/images/dog.png", typed, R"({"k":{"l":null,"m":[1,2]}})"},
      {"DELETE", c + "/images/a", "", ""},
      {"GET", c + "/images/dog.png/content?size=thumbnail", "Range: bytes=0-99\r\nIf-None-Match: \"x\"\r\n", ""},
      {"POST", c + "/search", typed,
       R"({"text":"a dog","limit":3,"offset":1,"min_score":-1.5e0,"exact":true,"include":["metadata","vector"]})"},
      {"POST", c + "/search", typed, json{{"image", encode_base64(picture)}}.dump()},
      {"POST", c + "/search", typed, json{{"vector", vector}, {"limit", 2}}.dump()},
      {"POST", c + "/search", multipart, form({{"image", "q.png", picture}, {"limit", "", "3"}, {"include", "", "metadata,vector"}})},
      {"POST", c + "/search", typed, R"({"searches":[{"text":"a dog"},{"id":"dog.png"},{"vector":[1]}]})"},
      {"POST", "/v1/classify", typed,
       json{{"image", encode_base64(picture)}, {"labels", {"cat", "dog"}}, {"templates", {"a {}"}}, {"top", 1}}.dump()},
      {"POST", "/v1/classify", multipart, form({{"image", "q.png", picture}, {"labels", "", "cat,dog"}, {"top", "", "1"}})},
      {"POST", "/v1/embeddings", typed, R"({"input":["a dog",{"text":"cat"}],"encoding_format":"base64","user":"me"})"},
      {"POST", "/v1/embeddings", typed + "Transfer-Encoding: chunked\r\n", ""},
      {"GET", "/v1/info", "", ""},
      {"GET", "/healthz", "", ""},
      {"GET", "/readyz", "", ""},
      {"GET", "/metrics", "", ""},
      {"GET", "/openapi.json", "", ""},
      {"GET", "/", "Accept-Encoding: gzip, br\r\n", ""},
      {"GET", "/web/app.js", "", ""},
      {"GET", "/favicon.ico", "", ""},
  };
}

class Mutator {
 public:
  explicit Mutator(std::uint64_t seed) : random_(seed) {}

  std::size_t below(std::size_t n) { return n == 0 ? 0 : random_() % n; }

  // The request's bytes, wrong in one way or several.
  std::string mutate(Example example) {
    const bool whole = below(3) == 0;
    auto& part = whole || example.body.empty() ? example.target : example.body;
    for (std::size_t i = 0, times = 1 + below(3); i < times; ++i) {
      switch (below(4)) {
        case 0:
          break_text(part);
          break;
        case 1:
          replace_token(part);
          break;
        case 2:
          break_text(example.headers);
          break;
        default:
          insert(part, fragment());
      }
    }
    auto bytes = example.bytes();
    if (whole) break_text(bytes);
    return bytes;
  }

 private:
  // Flips, cuts, doubles or drops some bytes.
  void break_text(std::string& text) {
    if (text.empty()) return;
    const auto at = below(text.size()), length = 1 + below(std::min<std::size_t>(text.size() - at, 64));
    switch (below(4)) {
      case 0:
        text[at] = static_cast<char>(text[at] ^ static_cast<char>(1U << below(8)));
        break;
      case 1:
        text.resize(at);
        break;
      case 2:
        text.insert(at, text.substr(at, length));
        break;
      default:
        text.erase(at, length);
    }
  }

  // A number, a word or a string becomes something else.
  void replace_token(std::string& text) {
    if (text.empty()) return;
    auto begin = text.find_first_of("0123456789\"tfn/=", below(text.size()));
    if (begin == std::string::npos) return;
    auto end = text[begin] == '"' ? text.find('"', begin + 1) : text.find_first_of(",:}]&?/ ", begin + 1);
    end = end == std::string::npos ? text.size() : end + (text[begin] == '"' ? 1 : 0);
    text.replace(begin, end - begin, fragment());
  }

  void insert(std::string& text, const std::string& what) { text.insert(below(text.size() + 1), what); }

  std::string fragment() {
    static const std::vector<std::string> kFragments = {"-1",
                                                        "0",
                                                        "1e999",
                                                        "-0.0",
                                                        "18446744073709551615",
                                                        "18446744073709551616",
                                                        "99999999999999999999999999",
                                                        "1e-400",
                                                        "null",
                                                        "true",
                                                        "[]",
                                                        "{}",
                                                        "\"\"",
                                                        "\"\\ud800\"",
                                                        "\"\\u0000\"",
                                                        std::string("\0", 1),
                                                        "\xff\xfe",
                                                        "\xc0\x80",
                                                        "\xed\xa0\x80",
                                                        "%00",
                                                        "%2F",
                                                        "%zz",
                                                        "%",
                                                        "..",
                                                        "../../etc/passwd",
                                                        "NaN",
                                                        "Infinity",
                                                        "\r\n",
                                                        "\r\n\r\n",
                                                        "--xyz",
                                                        "--xyz--",
                                                        "\"id\":\"a\",",
                                                        "\"text\":1,",
                                                        "\"limit\":-5,",
                                                        "\"vector\":[],",
                                                        "?limit=1",
                                                        "&limit=99999999999",
                                                        "Content-Encoding: gzip\r\n",
                                                        "Content-Length: 99999999999999999999\r\n",
                                                        "Content-Length: -1\r\n",
                                                        "Transfer-Encoding: chunked\r\n",
                                                        "Expect: 100-continue\r\n",
                                                        "Range: bytes=5-1,-,0-99999999999999999999\r\n",
                                                        "ffffffffffffffff\r\n"};
    switch (below(8)) {
      case 0:
        return std::string(1 + below(200), '[');
      case 1:
        return std::string(1 + below(100), '{') + "\"a\":";
      case 2: {
        std::string deep;
        for (std::size_t i = 0, depth = below(2'000); i < depth; ++i) deep += "{\"a\":[";
        return deep;
      }
      case 3:
        return std::string(below(20'000), static_cast<char>(below(256)));
      default:
        return kFragments[below(kFragments.size())];
    }
  }

  std::mt19937_64 random_;
};

std::string printable(const std::string& bytes) {
  return json(bytes.substr(0, 2'000)).dump(-1, ' ', /*ensure_ascii=*/true, json::error_handler_t::replace);
}

std::size_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::size_t total = 0, resident = 0;
  file >> total >> resident;
  return resident * 4096;
}

}  // namespace

TEST_CASE("requests that are broken in any way are answered or hung up on, never with a fault of the server") {
  const auto mutations = setting("CLIPDEX_MUTATIONS", 400), seed = setting("CLIPDEX_SEED", 1);
  CAPTURE(seed);
  ServedEngine served(ServerOptions{.body_bytes_max = 1 << 20, .silence_timeout = std::chrono::seconds(1)});
  ingest_sample(served);
  const auto valid = examples();
  std::set<std::string_view> patterns, wanted;
  for (const auto& example : valid) patterns.insert(clipdex::http::find_route(example.method, example.target)->pattern);
  for (const auto& route : clipdex::http::routes()) wanted.insert(route.pattern);
  REQUIRE(patterns == wanted);

  Mutator mutator(seed);
  std::size_t answered = 0, warm = 0;
  std::map<int, std::size_t> statuses;
  for (std::uint64_t i = 0; i < mutations; ++i) {
    const auto& example = valid[mutator.below(valid.size())];
    const auto bytes = mutator.mutate(example);
    RawConnection raw(served.port());
    raw.send(bytes);
    raw.end_sending();
    const auto answer = raw.read_all();
    if (answer.size() > 12) {
      const int status = std::atoi(answer.c_str() + 9);
      INFO("request " << i << ": " << printable(bytes));
      CHECK((status < 500 || status == 503 || status == 507));
      CHECK(answer.starts_with("HTTP/1.1 "));
      ++answered;
      ++statuses[status];
    }
    if (i == mutations / 2) warm = resident_bytes();
    // What a mutation has dropped or changed comes back, so that the next ones have something to break.
    if (i % 50 == 49) ingest_sample(served);
  }
  CHECK(answered > mutations / 2);
  CHECK(statuses.size() > 5);
  CHECK(served.get("/healthz")->status == 200);
  ingest_sample(served);
  CHECK(served.post("/v1/collections/c/search", {{"text", "a dog"}})->status == 200);
  // By then every path has been warmed up: what grows with the number of requests would show in a long run.
  // Freed memory that a sanitizer or the allocator holds back is no growth of ours: that is bounded, so a long run tells more.
  constexpr std::size_t kSlackBytes = std::size_t{128} << 20, kSlackEachBytes = 1'000;
  INFO("resident at half: " << warm << ", at the end: " << resident_bytes());
  CHECK(resident_bytes() < warm + kSlackBytes + kSlackEachBytes * mutations / 2);
}

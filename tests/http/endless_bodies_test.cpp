// Bodies of which cpp-httplib reads, or keeps, more than it hands on; and JSON that is much larger in memory than on the wire.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <utility>
#include <vector>

#include "tests/http/raw_connection.h"
#include "tests/http/served_engine.h"

using namespace clipdex::tests;

namespace {

const std::string kForm = "Content-Type: multipart/form-data; boundary=xyz\r\n";
const std::string kPart = "--xyz\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a.png\"\r\n\r\n";

std::string chunk(const std::string& data) {
  char size[32];
  std::snprintf(size, sizeof size, "%zx\r\n", data.size());
  return size + data + "\r\n";
}

std::string head(const std::string& headers) {
  return "POST /v1/collections/c/images HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n" + headers + "\r\n";
}

// Sends the beginning, and then the filler until the server has had enough, for 16 MiB at most. What it said.
std::string flood(ServedEngine& served, const std::string& beginning, const std::string& filler) {
  RawConnection raw(served.port());
  raw.send(beginning);
  constexpr std::size_t kBytesMax = std::size_t{16} << 20;
  std::string said;
  for (std::size_t sent = 0; sent < kBytesMax && said.empty(); sent += filler.size()) {
    if (!raw.send(filler)) break;
    said = raw.read_some(/*silence_ms=*/0);
  }
  if (said.empty()) said = raw.read_some(/*silence_ms=*/2'000);
  CHECK(raw.closed_within(20'000));
  return said;
}

}  // namespace

TEST_CASE("what goes on without end beside a body's contents is given up") {
  ServedEngine served;
  served.put("/v1/collections/c");
  const std::string spaces(8'000, ' ');
  const std::vector<std::pair<std::string, std::string>> floods = {
      {head(kForm) + chunk(kPart + "x\r\n--xyz--\r\n"), chunk(spaces)},          // after a form
      {head(kForm), chunk(spaces)},                                              // before its first part
      {head(kForm) + chunk(kPart + "x\r\n--xyz"), chunk(spaces)},                // after a boundary
      {head(kForm) + chunk("--xyz\r\n"), chunk("X-Long: " + spaces + "\r\n")}};  // the headers of a part
  for (std::size_t i = 0; i < floods.size(); ++i) {
    INFO("flood " << i);
    const auto said = flood(served, floods[i].first, floods[i].second);
    CHECK(said.starts_with("HTTP/1.1 400"));
    CHECK(said.find("more than 131072 bytes") != std::string::npos);
  }
  // A chunk's length, and what follows the last chunk: cpp-httplib has limits for these.
  CHECK(flood(served, head("") + chunk("{}"), "1;" + std::string(4'000, 'x')).starts_with("HTTP/1.1 400"));
  CHECK(flood(served, head("") + chunk("{}") + "0\r\n", "X-Trailer: " + std::string(500, 'y') + "\r\n").starts_with("HTTP/1.1 400"));
  CHECK(served.get("/healthz")->status == 200);
}

TEST_CASE("a little before and after a form is no harm, and a large one may come in tiny chunks") {
  ServedEngine served;
  served.put("/v1/collections/c");
  // The first boundary in one chunk: cpp-httplib does not find it otherwise.
  const auto answer_to = [&](const std::string& form, std::size_t step) {
    RawConnection raw(served.port());
    const std::size_t first = std::max(step, form.find("\r\n") + 2);
    std::string body = chunk(form.substr(0, first));
    for (std::size_t at = first; at < form.size(); at += step) body += chunk(form.substr(at, step));
    raw.send(head(kForm) + body + "0\r\n\r\n");
    return raw.read_until("]}");
  };
  const auto around = answer_to("for readers of mail\r\n" + kPart + gallery_file("dog.png") + "\r\n--xyz--\r\nthe end\r\n", 1'000);
  CHECK(around.starts_with("HTTP/1.1 200"));
  CHECK(around.find("\"created\"") != std::string::npos);
  const std::string long_name = "--xyz\r\nContent-Disposition: form-data; name=\"f\"; filename=\"" + std::string(4'000, 'n') + "\"\r\n\r\n";
  const auto tiny = answer_to(long_name + std::string(300'000, 'x') + "\r\n--xyz--\r\n", 1);
  CHECK(tiny.starts_with("HTTP/1.1 200"));
  CHECK(tiny.find("unsupported_image") != std::string::npos);
}

TEST_CASE("a part's headers as long as cpp-httplib takes them are no end of the server") {
  ServedEngine served;
  served.put("/v1/collections/c");
  const std::string disposition = "Content-Disposition: form-data; name=\"f\"; filename";
  for (const std::size_t length : {2'000U, 8'000U, 16'000U, 24'000U}) {
    const std::string name(length, 'n');
    for (const auto& line : {disposition + "=\"" + name + "\"", disposition + "*=UTF-8''" + name, "Content-Type: " + name, name + ": x"}) {
      INFO(length << " " << line.substr(0, 60));
      RawConnection raw(served.port());
      // The second line of the headers is not held against the limit that the first one has.
      raw.send(head(kForm) + chunk("--xyz\r\nX: y\r\n" + line + "\r\n\r\nx\r\n--xyz--\r\n") + "0\r\n\r\n");
      CHECK(raw.read_some().starts_with("HTTP/1.1 "));
    }
  }
  CHECK(served.get("/healthz")->status == 200);
}

TEST_CASE("a Content-Encoding that is not read is refused by its name before the body") {
  ServedEngine served;
  ingest_sample(served);
  const auto post = [&](const std::string& encoding) {
    return served.client().Post("/v1/collections/c/search", {{"Content-Encoding", encoding}}, R"({"text":"a dog"})", "application/json");
  };
  for (const auto* encoding : {"zstd", "x-brotli", "gzip, gzip", "compress", "GZIP"}) {
    CAPTURE(encoding);
    const auto answer = post(encoding);
    REQUIRE(answer);
    CHECK(answer->status == 415);
    CHECK(error_code(answer) == "unsupported_encoding");
    CHECK(error_message(answer).find("gzip, deflate and br") != std::string::npos);
  }
  CHECK(post("identity")->status == 200);
  CHECK(post("")->status == 200);
}

TEST_CASE("JSON of more values than its size explains is refused, and a million small ones are not") {
  ServedEngine served;
  ingest_sample(served);
  const auto post = [&](const std::string& element, std::size_t count) {
    std::string body = R"({"text":[)" + element;
    for (std::size_t i = 1; i < count; ++i) body += "," + element;
    return served.client().Post("/v1/collections/c/search", body + "]}", "application/json");
  };
  for (const auto* element : {"[]", "{}", "0"}) {
    CAPTURE(element);
    const auto refused = post(element, 5'000'000);
    REQUIRE(refused);
    CHECK(refused->status == 413);
    CHECK(error_code(refused) == "too_many_values");
    CHECK(error_message(post(element, 900'000)).find("not a string") != std::string::npos);
  }
  CHECK(error_code(post(R"(["\\",1,"\\\"[,,,{"])", 400'000)) == "too_many_values");                     // 4 values
  CHECK(error_message(post(R"("[,,[,{,,\",\\")", 999'999)).find("not a string") != std::string::npos);  // one
  CHECK(error_message(post("\"a text of some length\"", 1'100'000)).find("not a string") != std::string::npos);
}

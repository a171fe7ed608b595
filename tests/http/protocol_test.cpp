#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <chrono>

#include "http/client.h"
#include "tests/http/raw_connection.h"
#include "tests/http/served_engine.h"

using namespace clipdex::tests;
using clipdex::http::encode_base64;
using clipdex::http::ServerOptions;

namespace {

int status_of(const std::string& answer) { return answer.size() > 12 ? std::stoi(answer.substr(9, 3)) : 0; }

std::string post_head(const std::string& path, const std::string& headers) {
  return "POST " + path + " HTTP/1.1\r\nHost: localhost\r\n" + headers + "\r\n";
}

std::string chunk(const std::string& data) {
  char size[32];
  std::snprintf(size, sizeof size, "%zx\r\n", data.size());
  return size + data + "\r\n";
}

}  // namespace

TEST_CASE("probes and facts answer") {
  ServedEngine served;
  CHECK(served.get("/healthz")->status == 200);
  CHECK(body_of(served.get("/readyz")).at("status") == "ready");
  const auto info = body_of(served.get("/v1/info"));
  CHECK(info.at("name") == "clipdex");
  CHECK(info.at("model").at("dimension") == 128);
  CHECK(info.at("limits").at("body_bytes") == 32 << 20);
  CHECK(info.at("limits").at("image_pixels") == 64'000'000);
  CHECK(info.at("limits").at("image_side") == 32'768);
}

TEST_CASE("every answer carries a request id, the caller's if it is a sensible one") {
  ServedEngine served;
  for (const auto* path : {"/healthz", "/nothing", "/v1/collections/none", "/"}) {
    CAPTURE(path);
    CHECK(served.get(path)->get_header_value("X-Request-Id").size() == 16);
  }
  CHECK(served.client().Get("/healthz", {{"X-Request-Id", "order-66.a_b"}})->get_header_value("X-Request-Id") == "order-66.a_b");
  CHECK(served.client().Get("/healthz", {{"X-Request-Id", "a b<script>"}})->get_header_value("X-Request-Id") != "a b<script>");
  RawConnection raw(served.port());
  raw.send("NONSENSE\r\n\r\n");
  CHECK(raw.read_all().find("X-Request-Id: ") != std::string::npos);
}

TEST_CASE("answers are not compressed, which would cost more time than the search") {
  ServedEngine served;
  const auto answer = served.client().Get("/openapi.json", {{"Accept-Encoding", "br, gzip, deflate"}});
  CHECK_FALSE(answer->has_header("Content-Encoding"));
  CHECK(answer->get_header_value_u64("Content-Length") == answer->body.size());
}

TEST_CASE("unknown paths and methods are told apart, in the error format") {
  ServedEngine served;
  const auto unknown = served.get("/v2/collections");
  CHECK(unknown->status == 404);
  CHECK(error_code(unknown) == "not_found");
  CHECK(unknown->get_header_value("Content-Type") == "application/json");
  CHECK(served.get("/v1/collections/")->status == 404);
  CHECK(served.get("/v1/collections/c/images/x/content/more")->status == 404);
  const auto method = served.post("/v1/collections", {});
  CHECK(method->status == 405);
  CHECK(method->get_header_value("Allow") == "GET");
  CHECK(served.client().Options("/v1/collections/c")->status == 405);
  CHECK(served.client().Options("/v1/collections/c")->get_header_value("Allow") == "PUT, GET, DELETE");
  const auto head = served.client().Head("/v1/info");
  CHECK(head->status == 200);
  CHECK(head->body.empty());
}

TEST_CASE("a body over the limit is refused, with a declared length and without one, and the server goes on") {
  ServedEngine served(ServerOptions{.body_bytes_max = 100'000});
  ingest_sample(served);
  const std::string path = "/v1/collections/c/images";
  const std::string large(200'000, 'x');

  const auto declared = served.client().Post(path, large, "application/json");
  REQUIRE(declared);
  CHECK(declared->status == 413);
  CHECK(error_code(declared) == "body_too_large");

  RawConnection only_declared(served.port());
  only_declared.send(post_head(path, "Content-Type: application/json\r\nContent-Length: 99999999999\r\n"));
  CHECK(status_of(only_declared.read_until("}}")) == 413);
  RawConnection expecting(served.port());
  expecting.send(post_head(path, "Content-Type: application/json\r\nContent-Length: 200000\r\nExpect: 100-continue\r\n"));
  CHECK(status_of(expecting.read_until("}}")) == 413);

  for (const std::string type : {"application/json", "multipart/form-data; boundary=xyz", "application/x-www-form-urlencoded"}) {
    CAPTURE(type);
    RawConnection chunked(served.port());
    chunked.send(post_head(path, "Content-Type: " + type + "\r\nTransfer-Encoding: chunked\r\n"));
    if (type.starts_with("multipart"))
      chunked.send(chunk("--xyz\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a.png\"\r\n\r\n"));
    for (int i = 0; i < 20; ++i) chunked.send(chunk(std::string(10'000, 'x')));
    chunked.send("0\r\n\r\n");
    const auto answer = chunked.read_until("}}");
    CHECK(status_of(answer) == 413);
    CHECK(answer.find("body_too_large") != std::string::npos);
    CHECK(chunked.closed_within(20'000));  // what is left of the body is not the next request
  }

  RawConnection endless(served.port());
  endless.send(post_head(path, "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n"));
  int sent = 0;
  while (sent < 200 && endless.send(chunk(std::string(1 << 20, 'x')))) ++sent;
  CHECK(sent < 200);  // the server has hung up
  CHECK(body_of(served.post("/v1/collections/c/search", {{"text", "a dog"}})).at("hits").size() == 4);
}

TEST_CASE("a compressed body is read, and one that unpacks to more than the limit is refused") {
  ServedEngine served(ServerOptions{.body_bytes_max = 100'000});
  ingest_sample(served);
  httplib::Client client(served.url());
  client.set_compress(true);
  const auto fine = client.Post("/v1/collections/c/search", R"({"text":"a red apple","limit":1})", "application/json");
  REQUIRE(fine);
  CHECK(fine->status == 200);
  const auto bomb = client.Post("/v1/collections/c/search", R"({"text":")" + std::string(3'000'000, ' ') + "\"}", "application/json");
  REQUIRE(bomb);
  CHECK(bomb->status == 413);
  const auto unknown = served.client().Post("/v1/collections/c/search", {{"Content-Encoding", "gzip"}}, "not gzip", "application/json");
  REQUIRE(unknown);
  CHECK(unknown->status == 400);
}

TEST_CASE("a chunked body within the limit is read whole") {
  ServedEngine served;
  ingest_sample(served);
  RawConnection raw(served.port());
  const std::string body = R"({"text":"a red apple","limit":1})";
  raw.send(post_head("/v1/collections/c/search", "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n"));
  for (const char c : body) raw.send(chunk(std::string(1, c)));
  raw.send("0\r\n\r\n");
  const auto answer = raw.read_until("took_ms");
  CHECK(status_of(answer) == 200);
  CHECK(answer.find("red-apple.png") != std::string::npos);
}

TEST_CASE("JSON without its content type is JSON all the same, however long") {
  ServedEngine served;
  served.put("/v1/collections/c");
  const std::string body = json{{"images", {image_json("a", "scene-000.png"), image_json("b", "dog.png")}}}.dump();
  REQUIRE(body.size() > 8192);  // cpp-httplib's limit for what it takes for a form
  const auto answer = served.client().Post("/v1/collections/c/images", body, "application/x-www-form-urlencoded");
  REQUIRE(answer);
  CHECK(answer->status == 200);
  CHECK(body_of(answer).at("results")[0].at("status") == "created");
}

TEST_CASE("nesting over the limit is refused before it costs anything") {
  ServedEngine served;
  ingest_sample(served);
  const auto nested = [](std::size_t depth) { return R"({"text":)" + std::string(depth, '[') + std::string(depth, ']') + "}"; };
  const auto deep = served.client().Post("/v1/collections/c/search", nested(1'000'000), "application/json");
  CHECK(deep->status == 400);
  CHECK(error_message(deep).find("64 deep") != std::string::npos);
  CHECK(error_message(served.client().Post("/v1/collections/c/search", nested(60), "application/json")).find("not a string") !=
        std::string::npos);
}

TEST_CASE("bodies that break off and requests that are none are refused and change nothing") {
  ServedEngine served(ServerOptions{.silence_timeout = std::chrono::seconds(1)});
  served.put("/v1/collections/c");
  const std::string path = "/v1/collections/c/images";
  RawConnection cut(served.port());
  cut.send(post_head(path, "Content-Type: application/json\r\nContent-Length: 1000\r\n") + R"({"images":[)");
  CHECK(status_of(cut.read_all()) == 408);  // it only goes silent
  RawConnection broken(served.port());
  broken.send(post_head(path, "Content-Type: application/json\r\nContent-Length: 1000\r\n") + R"({"images":[)");
  broken.end_sending();
  CHECK(status_of(broken.read_all()) == 400);
  RawConnection form(served.port());
  const std::string half = "--xyz\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a.png\"\r\n\r\n" + gallery_file("dog.png");
  form.send(post_head(path, "Content-Type: multipart/form-data; boundary=xyz\r\nContent-Length: " + std::to_string(half.size()) + "\r\n") +
            half);
  CHECK(status_of(form.read_until("}}")) == 400);
  RawConnection chunked(served.port());
  chunked.send(post_head(path, "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n") + "zz\r\n{}\r\n0\r\n\r\n");
  CHECK(status_of(chunked.read_until("}}")) == 400);
  RawConnection nonsense(served.port());
  nonsense.send("\x16\x03\x01 GET / HTTP/9.9\r\n\r\n");
  CHECK(status_of(nonsense.read_all()) >= 400);
  RawConnection long_path(served.port());
  long_path.send("GET /" + std::string(10'000, 'a') + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
  CHECK(status_of(long_path.read_all()) == 414);
  CHECK(body_of(served.get("/v1/collections/c")).at("images") == 0);
}

TEST_CASE("a connection serves one request after another, errors included") {
  ServedEngine served;
  ingest_sample(served);
  RawConnection raw(served.port());
  const std::string search = R"({"text":"a red apple","limit":1})";
  for (int round = 0; round < 3; ++round) {
    raw.send(post_head("/v1/nowhere", "Content-Length: " + std::to_string(search.size()) + "\r\n") + search);
    CHECK(status_of(raw.read_until("}}")) == 404);
    raw.send(post_head("/v1/collections/c/search",
                       "Content-Type: application/json\r\nContent-Length: " + std::to_string(search.size()) + "\r\n") +
             search);
    CHECK(status_of(raw.read_until("}}")) == 200);
  }
}

TEST_CASE("a client that sends its headers too slowly is let go") {
  ServedEngine served(ServerOptions{.silence_timeout = std::chrono::seconds(1)});
  RawConnection slow(served.port());
  slow.send("GET /healthz HTT");
  CHECK(slow.closed_within(20'000));
  CHECK(served.get("/healthz")->status == 200);
}

TEST_CASE("an idle connection is let go after its time, and at once when the server stops") {
  ServedEngine short_idle(ServerOptions{.idle_timeout = std::chrono::seconds(1)});
  RawConnection idle(short_idle.port());
  idle.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
  CHECK(status_of(idle.read_until("}")) == 200);
  CHECK(idle.closed_within(20'000));

  ServedEngine served(ServerOptions{.idle_timeout = std::chrono::seconds(3600)});
  RawConnection waiting(served.port());
  waiting.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
  CHECK(status_of(waiting.read_until("}")) == 200);
  served.stop();  // returns, though a connection is open
  CHECK(waiting.closed_within(20'000));
}

TEST_CASE("a request under way when the server stops is answered") {
  ServedEngine served;
  served.put("/v1/collections/c");
  RawConnection raw(served.port());
  const std::string body = json{{"images", {image_json("a", "dog.png")}}}.dump();
  raw.send(post_head("/v1/collections/c/images", "Content-Length: " + std::to_string(body.size()) + "\r\n") +
           body.substr(0, body.size() / 2));
  std::this_thread::sleep_for(std::chrono::milliseconds(100));  // the server has begun to read it
  std::jthread stopping([&] { served.stop(); });
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  raw.send(body.substr(body.size() / 2));
  const auto answer = raw.read_all();
  CHECK(status_of(answer) == 200);
  CHECK(answer.find("\"created\"") != std::string::npos);
}

TEST_CASE("a client that never pauses does not keep the server from stopping") {
  ServedEngine served;
  std::atomic<int> answered = 0;
  std::jthread busy([&] {
    httplib::Client client(served.url());
    client.set_keep_alive(true);
    client.set_tcp_nodelay(true);
    while (client.Get("/healthz")) ++answered;
  });
  while (answered < 50) std::this_thread::yield();
  served.stop();
  busy.join();  // its next connection was refused
  CHECK(answered >= 50);
}

TEST_CASE("a page of another site changes nothing, and clipdex's own page may") {
  ServedEngine served;
  ingest_sample(served);
  const auto from = [&](const char* site) {
    return served.client().Post("/v1/collections/c/search", {{"Sec-Fetch-Site", site}}, R"({"text":"a dog"})", "application/json")->status;
  };
  CHECK(from("same-origin") == 200);
  CHECK(from("cross-site") == 403);
  CHECK(from("same-site") == 403);  // another port of the same machine
  CHECK(served.client().Delete("/v1/collections/c", {{"Sec-Fetch-Site", "cross-site"}})->status == 403);
  CHECK(served.client().Get("/v1/collections/c", {{"Sec-Fetch-Site", "cross-site"}})->status == 200);  // which a foreign page cannot read
}

TEST_CASE("where a browser does not say which site a page is of, its Origin is compared with the Host") {
  ServedEngine served;
  ingest_sample(served);
  const auto from = [&](const std::string& origin, httplib::Headers more = {}) {
    more.emplace("Origin", origin);
    return served.client().Post("/v1/collections/c/search", more, R"({"text":"a dog"})", "application/json");
  };
  CHECK(from(served.url())->status == 200);
  const auto foreign = from("http://pictures.example");
  CHECK(foreign->status == 403);
  CHECK(error_code(foreign) == "foreign_page");
  CHECK(from("http://127.0.0.1")->status == 403);  // another port
  CHECK(from("null")->status == 403);
  CHECK(from("https://CLIPDEX.example", {{"Host", "clipdex.example"}})->status == 200);  // behind a proxy
  CHECK(from("http://pictures.example", {{"Sec-Fetch-Site", "same-origin"}})->status == 200);
  CHECK(served.client().Delete("/v1/collections/c", {{"Origin", "http://pictures.example"}})->status == 403);
  CHECK(served.client().Get("/v1/collections/c", {{"Origin", "http://pictures.example"}})->status == 200);
}

TEST_CASE("a compressed form is refused, whatever it would unpack to") {
  ServedEngine served;
  served.put("/v1/collections/c");
  httplib::Client client(served.url());
  client.set_compress(true);
  const std::string form =
      "--xyz\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a.png\"\r\n\r\nx\r\n--xyz--\r\n" + std::string(1 << 20, ' ');
  const auto answer = client.Post("/v1/collections/c/images", {{"Content-Encoding", "gzip"}}, form, "multipart/form-data; boundary=xyz");
  REQUIRE(answer);
  CHECK(answer->status == 415);
  CHECK(error_code(answer) == "unsupported_encoding");
}

TEST_CASE("a server that was stopped before it ran ends at once") {
  ServedEngine any;  // for its engine
  clipdex::http::Server server({.port = 0});
  server.stop();
  server.run(any.engine());
  SUCCEED("run() returned");
}

TEST_CASE("a port in use is reported with the address and the remedy") {
  ServedEngine served;
  try {
    clipdex::http::Server second({.port = served.port()});
    FAIL("two servers share a port");
  } catch (const std::runtime_error& error) {
    const std::string message = error.what();
    CHECK(message.find(std::to_string(served.port())) != std::string::npos);
    CHECK(message.find("--port") != std::string::npos);
  }
  CHECK_THROWS_AS(clipdex::http::Server({.host = "no.such.host.invalid", .port = 0}), std::runtime_error);
}

TEST_CASE("many clients ingest, search and delete at once, and all are answered") {
  ServedEngine served;
  ingest_sample(served);
  std::atomic<int> wrong = 0;
  std::vector<std::jthread> clients;
  for (int number = 0; number < 16; ++number) {
    clients.emplace_back([&, number] {
      httplib::Client client(served.url());
      client.set_keep_alive(true);
      client.set_read_timeout(60);
      const std::string id = "mine-" + std::to_string(number);
      for (int round = 0; round < 10; ++round) {
        const auto body = json{{"images", {image_json(id, round % 2 == 0 ? "dog.png" : "rocket.png")}}}.dump();
        const auto ingested = client.Post("/v1/collections/c/images", body, "application/json");
        const auto found = client.Post("/v1/collections/c/search", json{{"id", id}, {"limit", 1}}.dump(), "application/json");
        const auto health = client.Get("/healthz");
        const bool fine = ingested && ingested->status == 200 && found && found->status == 200 && health && health->status == 200;
        wrong += fine ? 0 : 1;
      }
      const auto gone = client.Delete("/v1/collections/c/images/" + id);
      wrong += gone && gone->status == 204 ? 0 : 1;
    });
  }
  clients.clear();
  CHECK(wrong == 0);
  CHECK(body_of(served.get("/v1/collections/c")).at("images") == 4);
}

TEST_CASE("another program's JSON is named as such by the client") {
  httplib::Server other;
  other.Get(".*", [](const httplib::Request&, httplib::Response& response) {
    response.set_content(R"({"collections":[{"title":"books"}]})", "application/json");
  });
  const int port = other.bind_to_any_port("127.0.0.1");
  std::jthread serving([&] { other.listen_after_bind(); });
  other.wait_until_ready();
  clipdex::http::Client client("http://127.0.0.1:" + std::to_string(port));
  std::string said;
  try {
    client.collections();
  } catch (const clipdex::http::ClientError& error) {
    said = error.what();
  }
  other.stop();
  CHECK(said.find("another program") != std::string::npos);
}

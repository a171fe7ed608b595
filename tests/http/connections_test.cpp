// Connections that are slow, idle, greedy or too many.
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <memory>
#include <thread>
#include <vector>

#include "http/thread_pool.h"
#include "tests/http/raw_connection.h"
#include "tests/http/served_engine.h"

using namespace clipdex::tests;
using clipdex::http::ServerOptions;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr const char* kHealth = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";

std::string post_head(const std::string& path, std::size_t length) {
  return "POST " + path + " HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + std::to_string(length) + "\r\n\r\n";
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

double metric(ServedEngine& served, const std::string& name) {
  const auto text = served.get("/metrics")->body;
  const auto at = text.find("\n" + name + " ");
  REQUIRE(at != std::string::npos);
  return std::stod(text.substr(at + name.size() + 2));
}

// Sends a byte at a time until the server has had enough. What it said.
std::string trickle(RawConnection& connection, char byte) {
  for (int i = 0; i < 600; ++i) {
    if (!connection.send(std::string(1, byte))) break;
    const auto said = connection.read_until("}}", /*silence_ms=*/50);
    if (!said.empty()) return said;
  }
  return "";
}

}  // namespace

TEST_CASE("requests that are sent without waiting are answered in their order") {
  ServedEngine served;
  RawConnection raw(served.port());
  raw.send("GET /v1/info HTTP/1.1\r\n\r\n" + post_head("/v1/embeddings", 15) + R"({"input":"dog"})" + kHealth +
           "GET /nowhere HTTP/1.1\r\n\r\n");
  const auto answers = raw.read_until("not_found");
  CHECK(count(answers, "HTTP/1.1 ") == 4);
  const auto info = answers.find("\"limits\""), embedding = answers.find("\"usage\""), health = answers.find("\"ok\"");
  CHECK(info < embedding);
  CHECK(embedding < health);
  CHECK(health != std::string::npos);
}

TEST_CASE("a head that trickles in is given up, though every byte comes in time") {
  ServedEngine served(ServerOptions{.head_timeout = seconds(1)});
  RawConnection line(served.port());
  line.send("GET /");
  CHECK(trickle(line, 'a').starts_with("HTTP/1.1 408"));
  CHECK(line.closed_within(20'000));
  RawConnection header(served.port());
  header.send("GET /healthz HTTP/1.1\r\nX-Long: ");
  CHECK(trickle(header, 'a').find("request_timeout") != std::string::npos);
  CHECK(header.closed_within(20'000));
  CHECK(served.get("/healthz")->status == 200);
}

TEST_CASE("a body that trickles in is given up, though every byte comes in time") {
  ServedEngine served(ServerOptions{.body_timeout = seconds(1)});
  RawConnection raw(served.port());
  raw.send(post_head("/v1/embeddings", 10'000));
  CHECK(trickle(raw, ' ').starts_with("HTTP/1.1 408"));
  CHECK(raw.closed_within(20'000));
}

TEST_CASE("a head without end is refused") {
  ServedEngine served;
  RawConnection line(served.port());
  line.send("GET /" + std::string(200'000, 'a'));
  const auto refusal = line.read_until("}}");
  CHECK(refusal.find("head_too_large") != std::string::npos);
  CHECK(refusal.find("X-Request-Id: ") != std::string::npos);
  RawConnection headers(served.port());
  std::string many = "GET /healthz HTTP/1.1\r\n";
  for (int i = 0; i < 20; ++i) many += "X: " + std::string(7'000, 'y') + "\r\n";
  headers.send(many);
  CHECK(headers.read_until("}}").starts_with("HTTP/1.1 431"));
}

TEST_CASE("idle connections have no thread each, and requests pass beside them") {
  ServedEngine served;
  std::vector<std::unique_ptr<RawConnection>> idle;
  for (int i = 0; i < 300; ++i) idle.push_back(std::make_unique<RawConnection>(served.port()));
  while (metric(served, "clipdex_http_connections") < 301) std::this_thread::sleep_for(milliseconds(10));
  CHECK(metric(served, "clipdex_http_threads") < 50);
  for (const auto& connection : idle) connection->send(kHealth);
  for (const auto& connection : idle) CHECK(connection->read_until("}").find("200 OK") != std::string::npos);
  idle.clear();
  while (metric(served, "clipdex_http_connections") > 1) std::this_thread::sleep_for(milliseconds(10));
  SUCCEED("what their clients closed is closed");
}

TEST_CASE("slow bodies do not keep others from being answered") {
  ServedEngine served;
  std::vector<std::unique_ptr<RawConnection>> slow;
  for (int i = 0; i < 100; ++i) {
    slow.push_back(std::make_unique<RawConnection>(served.port()));
    slow.back()->send(post_head("/v1/embeddings", 15) + R"({"inp)");
  }
  while (metric(served, "clipdex_http_busy_workers") < 101) std::this_thread::sleep_for(milliseconds(10));
  CHECK(served.get("/healthz")->status == 200);
  for (const auto& connection : slow) connection->send(R"(ut":12345})");
  for (const auto& connection : slow) CHECK(connection->read_until("}}").starts_with("HTTP/1.1 400"));
}

TEST_CASE("a connection over the limit is told so, and one that ends makes room") {
  ServedEngine served(ServerOptions{.connections_max = 3});
  auto first = std::make_unique<RawConnection>(served.port());
  RawConnection second(served.port()), third(served.port());
  for (auto* connection : {first.get(), &second, &third}) {
    connection->send(kHealth);
    REQUIRE(connection->read_until("}").starts_with("HTTP/1.1 200"));
  }
  RawConnection fourth(served.port());
  fourth.send(kHealth);
  const auto refusal = fourth.read_all();
  CHECK(refusal.starts_with("HTTP/1.1 503"));
  CHECK(refusal.find("Retry-After: ") != std::string::npos);
  CHECK(refusal.find("\"overloaded\"") != std::string::npos);
  CHECK(refusal.find("X-Request-Id: ") != std::string::npos);
  first.reset();
  std::string answer;
  while (!answer.starts_with("HTTP/1.1 200")) {  // the server sees it go in its own time
    RawConnection next(served.port());
    next.send(kHealth);
    answer = next.read_until("}");
  }
  CHECK(answer.find("\"ok\"") != std::string::npos);
}

TEST_CASE("bodies that fill the memory wait, then are refused; small ones pass") {
  ServedEngine served(ServerOptions{.body_bytes_max = 1'000'000, .bodies_bytes_max = 1'000'000, .bodies_patience = milliseconds(200)});
  ingest_sample(served);
  const std::string large = R"({"text":")" + std::string(900'000, ' ') + "\"}";
  RawConnection holding(served.port());
  holding.send(post_head("/v1/collections/c/search", large.size()) + large.substr(0, 800'000));
  while (metric(served, "clipdex_http_body_bytes") < 700'000) std::this_thread::sleep_for(milliseconds(10));
  const auto refused = served.client().Post("/v1/collections/c/search", large, "application/json");
  REQUIRE(refused);
  CHECK(refused->status == 503);
  CHECK(error_code(refused) == "overloaded");
  CHECK(refused->has_header("Retry-After"));
  CHECK(served.post("/v1/collections/c/search", {{"text", "a dog"}})->status == 200);
  holding.send(large.substr(800'000));
  CHECK(holding.read_until("}").starts_with("HTTP/1.1 422"));  // a text may have 64 KiB
  while (metric(served, "clipdex_http_body_bytes") > 0) std::this_thread::sleep_for(milliseconds(10));
  CHECK(served.client().Post("/v1/collections/c/search", large, "application/json")->status == 422);
}

TEST_CASE("a client that never reads its answers is let go") {
  ServedEngine served(ServerOptions{.silence_timeout = seconds(1)});
  RawConnection deaf(served.port());
  std::string requests;
  for (int i = 0; i < 2'000; ++i) requests += "GET /openapi.json HTTP/1.1\r\n\r\n";
  deaf.send(requests);
  while (metric(served, "clipdex_http_connections") > 1) std::this_thread::sleep_for(milliseconds(10));
  CHECK(served.get("/healthz")->status == 200);
}

TEST_CASE("a body where none belongs, or of two lengths, ends the connection") {
  ServedEngine served;
  for (const std::string head :
       {"GET /healthz HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", "GET /healthz HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "DELETE /v1/collections/none HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "DELETE /v1/collections/none HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n23\r\nGET /v1/info HTTP/1.1\r\nHost: "
        "x\r\n\r\n\r\n0\r\n\r\n",
        "POST /v1/embeddings HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 30\r\n\r\n{}",
        "POST /v1/embeddings HTTP/1.1\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"}) {
    INFO(head);
    RawConnection raw(served.port());
    raw.send(head + kHealth);
    const auto answer = raw.read_all();
    CHECK(answer.starts_with("HTTP/1.1 400"));
    CHECK(count(answer, "HTTP/1.1") == 1);
  }
}

TEST_CASE("the server stops while connections are idle, slow and waiting to be served") {
  ServedEngine served(ServerOptions{.silence_timeout = seconds(1)});
  std::vector<std::unique_ptr<RawConnection>> connections;
  for (int i = 0; i < 60; ++i) {
    connections.push_back(std::make_unique<RawConnection>(served.port()));
    if (i % 3 == 1) connections.back()->send("GET /hea");
    if (i % 3 == 2) connections.back()->send(kHealth);
  }
  REQUIRE(served.get("/healthz")->status == 200);  // it runs, and has begun to take them
  served.stop();
  for (const auto& connection : connections) CHECK(connection->closed_within(20'000));
}

TEST_CASE("a pool starts threads as there is work, up to its limit, and lets them end") {
  using clipdex::http::ThreadPool;
  ThreadPool pool({.threads_max = 4, .idle = milliseconds(20)});
  std::atomic<int> running = 0, most = 0, done = 0;
  for (int i = 0; i < 40; ++i) {
    REQUIRE(pool.enqueue([&] {
      const int now = ++running;
      for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
      }
      std::this_thread::sleep_for(milliseconds(5));
      --running;
      ++done;
    }));
  }
  while (done < 40) std::this_thread::sleep_for(milliseconds(1));
  CHECK(most <= 4);
  while (pool.threads() > 0) std::this_thread::sleep_for(milliseconds(5));
  REQUIRE(pool.enqueue([&] { ++done; }));
  pool.shutdown();
  CHECK(done == 41);
  CHECK_FALSE(pool.enqueue([] {}));
}

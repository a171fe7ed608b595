// What the HTTP layer costs: /healthz and a search over a tiny collection (less the engine's own time) at 1, 8 and 32 clients, and /healthz
// beside 32 clients that search, 1,000 idle and 200 slow connections. Usage: http_bench [SECONDS_A_STEP]
#include <spdlog/spdlog.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "benchmarks/raw_client.h"
#include "engine/engine.h"
#include "http/base64.h"
#include "http/server.h"
#include "tests/gallery.h"
#include "tests/http/raw_connection.h"
#include "tests/temporary_directory.h"

using namespace clipdex;
using namespace clipdex::benchmarks;
using Clock = std::chrono::steady_clock;
using nlohmann::json;

namespace {

constexpr int kIdle = 1'000, kSlow = 200, kActive = 32;
constexpr double kHealthLimitMs = 250;

double ms_since(Clock::time_point begin) { return std::chrono::duration<double, std::milli>(Clock::now() - begin).count(); }

const std::string kHealth = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";

struct Times {
  std::vector<double> total, overhead;  // ms
  double seconds = 0;
};

double quantile(std::vector<double>& values, double q) {
  if (values.empty()) return 0;
  const auto at = values.begin() + static_cast<std::ptrdiff_t>(q * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

Times measure(int port, int clients, const std::string& bytes, double seconds) {
  std::vector<Times> each(static_cast<std::size_t>(clients));
  const auto begin = Clock::now();
  {
    std::vector<std::jthread> threads;
    for (auto& times : each) {
      threads.emplace_back([&] {
        RawClient client(port);
        for (int i = 0; i < 20; ++i) client.ask(bytes);
        while (ms_since(begin) < seconds * 1000) {
          const auto asked = Clock::now();
          const auto body = client.ask(bytes);
          times.total.push_back(ms_since(asked));
          const auto answer = json::parse(body);
          const double engine = answer.contains("took_ms") ? answer["took_ms"].at("total").get<double>() : 0;
          times.overhead.push_back(times.total.back() - engine);
        }
      });
    }
  }
  Times all{.seconds = ms_since(begin) / 1000};
  for (auto& times : each) {
    all.total.insert(all.total.end(), times.total.begin(), times.total.end());
    all.overhead.insert(all.overhead.end(), times.overhead.begin(), times.overhead.end());
  }
  return all;
}

void print(const char* what, int clients, Times& times, std::vector<double>& values) {
  std::printf("%-28s %3d clients   p50 %7.3f ms   p99 %7.3f ms   %8.0f requests/s\n", what, clients, quantile(values, 0.5),
              quantile(values, 0.99), static_cast<double>(times.total.size()) / times.seconds);
}

// 1,000 connections that have asked once and wait, 200 that send a byte a second, 32 that search without pause. False if whoever asks for
// the server's health beside them waits too long.
bool crowd(int port, const std::string& search, double seconds) {
  std::vector<std::unique_ptr<tests::RawConnection>> idle, slow;
  for (int i = 0; i < kIdle; ++i) {
    idle.push_back(std::make_unique<tests::RawConnection>(port));
    idle.back()->send(kHealth);
    idle.back()->read_until("}");
  }
  for (int i = 0; i < kSlow; ++i) {
    slow.push_back(std::make_unique<tests::RawConnection>(port));
    // Half of them within the head, half within the body.
    slow.back()->send(i % 2 == 0 ? "GET /healthz HTTP/1.1\r\nX: "
                                 : http_request("POST", "/v1/embeddings", std::string(10'000, ' ')).substr(0, 90));
  }
  std::jthread trickle([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      for (const auto& connection : slow) connection->send("a");
      std::this_thread::sleep_for(std::chrono::seconds(1));
    }
  });
  Times searches;
  std::jthread active([&] { searches = measure(port, kActive, search, seconds); });
  auto times = measure(port, 1, kHealth, seconds);
  active.join();
  trickle.request_stop();
  print("search, 1,000 idle 200 slow", kActive, searches, searches.total);
  print("healthz beside them", 1, times, times.total);
  const double p99 = quantile(times.total, 0.99);
  std::printf("healthz p99 %.3f ms against %.0f ms: %s\n", p99, kHealthLimitMs, p99 < kHealthLimitMs ? "held" : "NOT HELD");
  RawClient client(port);
  const auto metrics = client.ask("GET /metrics HTTP/1.1\r\n\r\n");
  for (const std::string name : {"clipdex_http_connections ", "clipdex_http_threads ", "process_resident_memory_bytes "}) {
    const auto at = metrics.find("\n" + name);
    std::printf("  %s\n", metrics.substr(at + 1, metrics.find('\n', at + 1) - at - 1).c_str());
  }
  return p99 < kHealthLimitMs;
}

int run(double seconds) {
  spdlog::set_level(spdlog::level::warn);  // no line a request
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  const tests::TemporaryDirectory directory;
  http::Server server({.port = 0, .head_timeout = std::chrono::seconds(3600), .idle_timeout = std::chrono::seconds(3600)});
  engine::Engine engine({.data_directory = directory.path() / "data", .model = tests::kModel});
  std::jthread serving([&] { server.run(engine); });
  {
    RawClient client(server.port());
    client.ask(http_request("PUT", "/v1/collections/c", "{}"));
    json images = json::array();
    for (const auto* name : {"red-apple.png", "rocket.png", "dog.png"})
      images.push_back({{"id", name}, {"data", http::encode_base64(tests::gallery_file(name))}});
    client.ask(http_request("POST", "/v1/collections/c/images", json{{"images", images}}.dump()));
  }
  const std::vector<float> vector(engine.encoder().dimension(), 1.0F);
  const auto search = http_request("POST", "/v1/collections/c/search", json{{"vector", vector}, {"limit", 10}}.dump());
  for (const int clients : {1, 8, 32}) {
    auto health = measure(server.port(), clients, kHealth, seconds);
    print("healthz", clients, health, health.total);
    auto found = measure(server.port(), clients, search, seconds);
    print("search", clients, found, found.total);
    print("search less took_ms.total", clients, found, found.overhead);
  }
  const bool held = crowd(server.port(), search, 3 * seconds);
  server.stop();
  return held ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc > 1 ? std::atof(argv[1]) : 2);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "http_bench: %s\n", error.what());
    return 1;
  }
}

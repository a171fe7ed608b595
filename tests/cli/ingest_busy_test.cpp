// "clipdex ingest" to a server that has no room for a request now.
#include <httplib.h>

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <limits>

#include "tests/cli/collections.h"

namespace {

using namespace clipdex::tests;

// Answers an ingest as clipdex does, but each call with 503 for the first times.
class BusyServer {
 public:
  explicit BusyServer(int busy_answers) {
    const auto unless_busy = [busy_answers](std::atomic<int>& calls, const auto& answer) {
      return [&calls, busy_answers, answer](const httplib::Request& request, httplib::Response& response) {
        const bool busy = calls++ < busy_answers;
        response.status = busy ? 503 : 200;
        const json body = busy ? json{{"error", {{"code", "overloaded"}, {"message", "a full queue"}, {"details", nullptr}}}}
                               : answer(json::parse(request.body).at("images"));
        response.set_header("Retry-After", "0");
        response.set_content(body.dump(), "application/json");
      };
    };
    server_.Get("/v1/info", [](const httplib::Request&, httplib::Response& response) {
      response.set_content(R"({"limits":{"body_bytes":1000000}})", "application/json");
    });
    server_.Get("/v1/collections/images", [](const httplib::Request&, httplib::Response& response) {
      response.status = 404;
      response.set_content(R"({"error":{"code":"collection_not_found","message":"","details":null}})", "application/json");
    });
    server_.Put("/v1/collections/images",
                [](const httplib::Request&, httplib::Response& response) { response.set_content("{}", "application/json"); });
    server_.Post("/v1/collections/images/known",
                 unless_busy(known_calls_, [](const json& images) { return json{{"known", std::vector<bool>(images.size(), false)}}; }));
    server_.Post("/v1/collections/images/images", unless_busy(ingest_calls_, [](const json& images) {
                   json results = json::array();
                   for (const auto& image : images)
                     results.push_back({{"status", "created"}, {"id", image.at("id")}, {"source", image.at("source")}});
                   return json{{"results", results}};
                 }));
    port_ = server_.bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    server_.wait_until_ready();
  }
  ~BusyServer() {
    server_.stop();
    thread_.join();
  }
  BusyServer(const BusyServer&) = delete;
  BusyServer& operator=(const BusyServer&) = delete;

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  int known_calls() const { return known_calls_; }
  int ingest_calls() const { return ingest_calls_; }

 private:
  httplib::Server server_;
  int port_ = 0;
  std::atomic<int> known_calls_ = 0, ingest_calls_ = 0;
  std::thread thread_;
};

}  // namespace

TEST_CASE("a server that is busy for a moment is asked again, and nothing fails") {
  const TemporaryDirectory directory;
  const auto folder = copy_pictures(directory.path() / "pictures", {"lemon.png", "rocket.png"});
  const BusyServer server(/*busy_answers=*/1);
  const auto outcome = run_clipdex({"ingest", folder.string(), "--server", server.url(), "--json"});
  CAPTURE(outcome.error);
  CHECK(outcome.exit_code == 0);
  CHECK(fates(outcome) == Fates{{"lemon.png", "created"}, {"rocket.png", "created"}});
  CHECK(server.known_calls() == 2);
  CHECK(server.ingest_calls() == 2);
  CHECK(contains(outcome.error, "the server is busy (a full queue)"));
}

TEST_CASE("Ctrl-C ends the waiting for a busy server") {
  const TemporaryDirectory directory;
  const auto folder = copy_pictures(directory.path() / "pictures", {"lemon.png"});
  const BusyServer server(std::numeric_limits<int>::max());
  ChildProcess ingest({kProgram, "ingest", folder.string(), "--server", server.url(), "--json"});
  while (!ingest.exit_code() && !contains(ingest.error(), "the server is busy")) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  ingest.signal(SIGINT);
  const int code = ingest.wait();
  CAPTURE(ingest.error());
  CHECK(code == 3);
  CHECK(ingest.out().empty());
  CHECK(contains(ingest.error(), "stopped after 0 of 1 images"));
  CHECK(server.ingest_calls() == 0);
}

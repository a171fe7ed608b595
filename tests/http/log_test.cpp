#include "http/log.h"

#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <catch2/catch_test_macros.hpp>
#include <sstream>

#include "tests/http/served_engine.h"

using namespace clipdex::tests;
using clipdex::http::LogFormat;
using clipdex::http::ServerOptions;

namespace {

// The lines that are logged while it lives.
class CapturedLog {
 public:
  explicit CapturedLog(LogFormat format) : before_(spdlog::default_logger()) {
    spdlog::set_default_logger(std::make_shared<spdlog::logger>("test", std::make_shared<spdlog::sinks::ostream_sink_mt>(text_)));
    spdlog::set_level(spdlog::level::info);
    clipdex::http::set_log_format(format);
  }
  ~CapturedLog() {
    spdlog::set_default_logger(before_);
    spdlog::set_pattern("%+");  // of every logger
  }

  std::vector<std::string> lines() const {
    std::vector<std::string> lines;
    std::istringstream stream(text_.str());
    for (std::string line; std::getline(stream, line);) lines.push_back(line);
    return lines;
  }

 private:
  std::ostringstream text_;
  std::shared_ptr<spdlog::logger> before_;
};

}  // namespace

TEST_CASE("a request is one JSON object in the log, with what it was and how it went") {
  CapturedLog log(LogFormat::kJson);
  {
    ServedEngine served(ServerOptions{.log_format = LogFormat::kJson});
    served.put("/v1/collections/c");
    served.client().Get("/v1/collections/c?x=\"quoted\"", {{"X-Request-Id", "mine"}});
  }
  const auto lines = log.lines();
  REQUIRE(lines.size() == 2);
  const auto line = json::parse(lines[1]);
  CHECK(line.at("level") == "info");
  CHECK(line.at("message") == "request");
  CHECK(line.at("method") == "GET");
  CHECK(line.at("target") == "/v1/collections/c?x=\"quoted\"");
  CHECK(line.at("route") == "/v1/collections/{collection}");
  CHECK(line.at("status") == 400);
  CHECK(line.at("request_id") == "mine");
  CHECK(line.at("remote_address") == "127.0.0.1");
  CHECK(line.at("bytes_in") > 20);
  CHECK(line.at("bytes_out") > 100);
  CHECK(line.at("duration_ms") > 0);
  CHECK(line.at("time").get<std::string>().size() == std::string("2026-01-01T00:00:00.000Z").size());
}

TEST_CASE("a log line is bounded and one line, whatever was sent") {
  for (const auto format : {LogFormat::kText, LogFormat::kJson}) {
    CapturedLog log(format);
    {
      ServedEngine served(ServerOptions{.log_format = format});
      const std::string long_path(7'000, 'a');
      served.client().Get("/" + long_path + "%0A\xff\xfe\x1b[31m");
    }
    spdlog::error("{}", std::string(100'000, 'b') + "\nforged line");
    const auto lines = log.lines();
    REQUIRE(lines.size() == 2);
    CHECK(lines[0].size() < 1'000);
    CHECK(lines[0].find('\x1b') == std::string::npos);
    CHECK(lines[0].find("404") != std::string::npos);
    CHECK(lines[1].size() < 5'000);
    if (format == LogFormat::kJson) {
      CHECK(json::parse(lines[0]).at("route") == "none");
      CHECK(json::parse(lines[1]).at("level") == "error");
    }
  }
}

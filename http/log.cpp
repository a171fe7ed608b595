#include "http/log.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <ctime>
#include <memory>
#include <nlohmann/json.hpp>

namespace clipdex::http {
namespace {

constexpr std::size_t kMessageBytesMax = 4096;
constexpr std::size_t kFieldBytesMax = 256;
// Marks a message that is a request's fields, already JSON.
constexpr const char* kRequestFields = "request";

// One line of a length that a log can bear, whatever was sent.
std::string bounded(std::string_view text, std::size_t bytes_max, unsigned char first_allowed) {
  std::string line(text.substr(0, bytes_max));
  std::replace_if(line.begin(), line.end(), [=](unsigned char c) { return c < first_allowed || c == 0x7F; }, '?');
  return text.size() > bytes_max ? line + "..." : line;
}

std::string one_word(std::string_view text) { return bounded(text, kFieldBytesMax, '!'); }
std::string one_line(std::string_view text) { return bounded(text, kMessageBytesMax, ' '); }

std::string as_json(std::string_view text) { return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace); }

std::string utc_time(spdlog::log_clock::time_point time) {
  const auto since = std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
  const auto seconds = static_cast<std::time_t>(since / 1000);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char text[40];
  const auto length = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  std::snprintf(text + length, sizeof text - length, ".%03dZ", static_cast<int>(since % 1000));
  return text;
}

void append(spdlog::memory_buf_t& to, std::string_view text) { to.append(text.data(), text.data() + text.size()); }
std::string_view payload_of(const spdlog::details::log_msg& message) { return {message.payload.data(), message.payload.size()}; }

class TextFormatter final : public spdlog::formatter {
 public:
  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& to) override {
    const auto line = one_line(payload_of(message));
    auto copy = message;
    copy.payload = line;
    pattern_.format(copy, to);
    message.color_range_start = copy.color_range_start;
    message.color_range_end = copy.color_range_end;
  }
  std::unique_ptr<spdlog::formatter> clone() const override { return std::make_unique<TextFormatter>(); }

 private:
  spdlog::pattern_formatter pattern_{"%Y-%m-%dT%H:%M:%S.%eZ %^%l%$ %v", spdlog::pattern_time_type::utc};
};

class JsonFormatter final : public spdlog::formatter {
 public:
  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& to) override {
    const auto level = spdlog::level::to_string_view(message.level);
    append(to, R"({"time":")" + utc_time(message.time) + R"(","level":")" + std::string(level.data(), level.size()) + R"(",)");
    if (message.source.filename == kRequestFields) {
      append(to, payload_of(message));
    } else {
      append(to, R"("message":)" + as_json(one_line(payload_of(message))));
    }
    append(to, "}\n");
  }
  std::unique_ptr<spdlog::formatter> clone() const override { return std::make_unique<JsonFormatter>(); }
};

std::string fields(const RequestLine& line) {
  std::string text = R"("message":"request","method":)" + as_json(one_word(line.method));
  text += R"(,"target":)" + as_json(one_word(line.target));
  text += R"(,"route":)" + as_json(line.route);
  text += R"(,"status":)" + std::to_string(line.status);
  text += R"(,"bytes_in":)" + std::to_string(line.bytes_in);
  text += R"(,"bytes_out":)" + std::to_string(line.bytes_out);
  text += R"(,"duration_ms":)" + nlohmann::json(std::round(line.duration_ms * 1000) / 1000).dump();
  text += R"(,"request_id":)" + as_json(one_word(line.request_id));
  text += R"(,"remote_address":)" + as_json(line.remote_address);
  return text;
}

}  // namespace

std::string_view log_format_name(LogFormat format) { return format == LogFormat::kJson ? "json" : "text"; }

void set_log_format(LogFormat format) {
  if (format == LogFormat::kJson) {
    spdlog::set_formatter(std::make_unique<JsonFormatter>());
  } else {
    spdlog::set_formatter(std::make_unique<TextFormatter>());
  }
}

void log_request(LogFormat format, const RequestLine& line) {
  if (!spdlog::should_log(spdlog::level::info)) return;
  if (format == LogFormat::kJson) {
    spdlog::log(spdlog::source_loc{kRequestFields, 1, ""}, spdlog::level::info, spdlog::string_view_t(fields(line)));
    return;
  }
  spdlog::info("{} {} {} {} in={} bytes={} ms={:.3f} id={}", line.remote_address, one_word(line.method), one_word(line.target), line.status,
               line.bytes_in, line.bytes_out, line.duration_ms, one_word(line.request_id));
}

}  // namespace clipdex::http

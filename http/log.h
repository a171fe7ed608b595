// The server's log: a line a message and a line a request, as text or JSON, each of bounded length. Private to http/ and serve.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace clipdex::http {

enum class LogFormat { kText, kJson };

// "text", "json".
std::string_view log_format_name(LogFormat format);

struct RequestLine {
  std::string_view method, target, request_id, remote_address;
  std::string_view route;  // the pattern; "none" if there is none
  int status = 0;
  std::uint64_t bytes_in = 0, bytes_out = 0;
  double duration_ms = 0;
};

// How spdlog's default logger writes from here on: whatever a message holds, it stays one line of bounded length.
void set_log_format(LogFormat format);

// One line at level info.
void log_request(LogFormat format, const RequestLine& line);

}  // namespace clipdex::http

// Exceptions -> statuses, in one place. Private to http/.
#pragma once

#include <exception>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

namespace clipdex::http {

// A status that a handler chooses itself.
class HttpError : public std::runtime_error {
 public:
  HttpError(int status, std::string code, const std::string& message, nlohmann::json details = nullptr)
      : std::runtime_error(message), status_(status), code_(std::move(code)), details_(std::move(details)) {}
  int status() const { return status_; }
  const std::string& code() const { return code_; }
  const nlohmann::json& details() const { return details_; }

 private:
  int status_;
  std::string code_;
  nlohmann::json details_;
};

// 400: not JSON, an unknown field, a wrong type.
HttpError malformed(const std::string& message);
// 422: a value that cannot be.
HttpError invalid_value(const std::string& message);

struct ErrorAnswer {
  int status = 500;
  std::string code, message;
  nlohmann::json details;
};

// What the client is told. Causes on our side are logged with the request's id and not told.
ErrorAnswer answer_for(const std::exception_ptr& exception, const std::string& request_id);

// {"error":{"code","message","details"}}
std::string error_body(const ErrorAnswer& answer);

}  // namespace clipdex::http

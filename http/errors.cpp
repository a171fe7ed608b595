#include "http/errors.h"

#include <spdlog/spdlog.h>

#include <new>

#include "engine/errors.h"
#include "http/json_fields.h"

namespace clipdex::http {
namespace {

int image_status(const engine::ImageError& error) {
  switch (error.reason()) {
    case engine::ImageError::Reason::kTooLarge:
      return 413;
    case engine::ImageError::Reason::kUnsupported:
      return 415;
    case engine::ImageError::Reason::kCorrupt:
      return 422;
  }
  return 422;
}

}  // namespace

HttpError malformed(const std::string& message) { return {400, "malformed_request", message}; }
HttpError invalid_value(const std::string& message) { return {422, "invalid_value", message}; }

ErrorAnswer answer_for(const std::exception_ptr& exception, const std::string& request_id) {
  try {
    std::rethrow_exception(exception);
  } catch (const HttpError& error) {
    return {error.status(), error.code(), error.what(), error.details()};
  } catch (const engine::ImageError& error) {
    return {image_status(error), engine::image_error_code(error.reason()), error.what(), nullptr};
  } catch (const engine::UnknownImageError& error) {
    return {404, "image_not_found", error.what(), nullptr};
  } catch (const engine::ConflictError& error) {
    return {409, "conflict", error.what(), nullptr};
  } catch (const engine::OverloadedError& error) {
    return {503, "overloaded", error.what(), nullptr};
  } catch (const engine::DiskFullError& error) {
    spdlog::error("{}: {}", request_id, error.what());
    return {507, "disk_full", "the server's disk is full: nothing of this request was stored, and reading goes on", nullptr};
  } catch (const std::invalid_argument& error) {
    return {422, "invalid_value", error.what(), nullptr};
  } catch (const std::bad_alloc&) {
    spdlog::error("{}: out of memory", request_id);
    return {503, "overloaded", "the server has not enough memory for this request now: send a smaller one, or try again later", nullptr};
  } catch (const std::exception& error) {
    spdlog::error("{}: {}", request_id, error.what());
  } catch (...) {
    spdlog::error("{}: an exception of unknown type", request_id);
  }
  return {500, "internal_error", "something went wrong in the server; its log has the details under the request id " + request_id, nullptr};
}

std::string error_body(const ErrorAnswer& answer) {
  return json_line({{"error", {{"code", answer.code}, {"message", answer.message}, {"details", answer.details}}}});
}

}  // namespace clipdex::http

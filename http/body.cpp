#include "http/body.h"

#include "http/errors.h"

namespace clipdex::http {
namespace {

HttpError too_large(std::size_t bytes_max) {
  return {413, "body_too_large", "the body is over the limit of " + std::to_string(bytes_max) + " bytes: send fewer images a request, or start the server with a larger --max-body",
          {{"limit_bytes", bytes_max}}};
}

// Counts what arrives; false tells cpp-httplib to stop reading.
class Budget {
 public:
  explicit Budget(std::size_t bytes_max) : left_(bytes_max) {}
  bool take(std::size_t bytes) {
    exceeded_ = exceeded_ || bytes > left_;
    if (!exceeded_) left_ -= bytes;
    return !exceeded_;
  }
  bool exceeded() const { return exceeded_; }

 private:
  std::size_t left_;
  bool exceeded_ = false;
};

}  // namespace

Body read_body(const httplib::Request& request, const httplib::ContentReader& reader, const BodyLimits& limits) {
  Body body;
  const bool chunked = request.has_header("Transfer-Encoding");
  if (!chunked && !request.has_header("Content-Length")) return body;  // reading would wait for an end that does not come
  Budget budget(limits.bytes_max);
  bool too_many_parts = false;
  bool complete = false;
  body.multipart = request.is_multipart_form_data();
  if (body.multipart) {
    complete = reader(
        [&](const httplib::MultipartFormData& part) {
          too_many_parts = body.parts.size() >= limits.parts_max;
          if (too_many_parts) return false;
          body.parts.push_back({part.name, part.filename, ""});
          return budget.take(part.name.size() + part.filename.size());
        },
        [&](const char* data, std::size_t size) {
          if (body.parts.empty() || !budget.take(size)) return false;
          body.parts.back().content.append(data, size);
          return true;
        });
  } else {
    complete = reader([&](const char* data, std::size_t size) {
      if (!budget.take(size)) return false;
      body.text.append(data, size);
      return true;
    });
  }
  // cpp-httplib refuses a declared length over its own limit, which is the same, before it calls us.
  if (budget.exceeded() || request.get_header_value_u64("Content-Length") > limits.bytes_max) throw too_large(limits.bytes_max);
  if (too_many_parts) throw HttpError(413, "too_many_parts", "the form has more than " + std::to_string(limits.parts_max) + " parts: send fewer images a request");
  if (!complete) throw malformed(body.multipart ? "the body is not a valid multipart form, or it breaks off" : "the body breaks off");
  return body;
}

}  // namespace clipdex::http

#include "http/body.h"

#include "http/errors.h"

namespace clipdex::http {
namespace {

HttpError too_large(std::size_t bytes_max) {
  return {413,
          "body_too_large",
          "the body is over the limit of " + std::to_string(bytes_max) +
              " bytes: send fewer images a request, or start the server with a larger --max-body",
          {{"limit_bytes", bytes_max}}};
}

// What is over the limit is read and thrown away, so that most clients come to read the answer; but not without end.
constexpr std::size_t kDiscardedBytesMax = std::size_t{64} << 20;

// Counts what arrives, after decompression.
class Budget {
 public:
  Budget(std::size_t bytes_max, BodyMemory::Share& memory) : kept_max_(bytes_max), memory_(memory) {}
  // False when even throwing it away takes too long.
  bool take(std::size_t bytes) {
    taken_ += bytes;
    if (keeps()) crowded_out_ = !memory_.grow(taken_);
    return taken_ <= kept_max_ + kDiscardedBytesMax;
  }
  bool exceeded() const { return taken_ > kept_max_; }
  bool crowded_out() const { return crowded_out_; }
  // Whether what was taken is to be kept.
  bool keeps() const { return !exceeded() && !crowded_out_; }

 private:
  std::size_t kept_max_;
  BodyMemory::Share& memory_;
  std::size_t taken_ = 0;
  bool crowded_out_ = false;
};

bool read_form(const httplib::ContentReader& reader, Budget& budget, std::vector<Part>& parts) {
  return reader(
      [&](const httplib::MultipartFormData& part) {
        constexpr std::size_t kPartCost = 64;  // at least what a part takes on the wire besides: forms of empty parts are bounded too
        if (!budget.take(kPartCost + part.name.size() + part.filename.size())) return false;
        if (budget.keeps()) parts.push_back({part.name, part.filename, ""});
        return true;
      },
      [&](const char* data, std::size_t size) {
        if (!budget.take(size)) return false;
        if (budget.keeps() && !parts.empty()) parts.back().content.append(data, size);
        if (budget.crowded_out()) parts.clear();
        return true;
      });
}

bool read_text(const httplib::ContentReader& reader, Budget& budget, std::string& text) {
  return reader([&](const char* data, std::size_t size) {
    if (!budget.take(size)) return false;
    if (budget.keeps()) text.append(data, size);
    if (budget.crowded_out()) std::string().swap(text);
    return true;
  });
}

}  // namespace

std::size_t readable_bytes_max(std::size_t body_bytes_max) { return body_bytes_max + kDiscardedBytesMax; }

Body read_body(const httplib::Request& request, const httplib::Response& response, const httplib::ContentReader& reader,
               std::size_t bytes_max, BodyMemory::Share& memory) {
  Body body;
  const bool chunked = request.has_header("Transfer-Encoding");
  if (!chunked && !request.has_header("Content-Length")) return body;  // reading would wait for an end that does not come
  if (request.get_header_value_count("Content-Length") > (chunked ? 0U : 1U))
    throw malformed("the request states the length of its body more than once");
  if (!chunked && request.get_header_value_u64("Content-Length") > readable_bytes_max(bytes_max)) throw too_large(bytes_max);
  Budget budget(bytes_max, memory);
  body.multipart = request.is_multipart_form_data();
  // cpp-httplib's form parser keeps what follows a form without asking us, so what unpacks there would have no bound.
  if (body.multipart && request.has_header("Content-Encoding"))
    throw HttpError(415, "unsupported_encoding", "a form with a Content-Encoding is not read: send it plain");
  const bool complete = body.multipart ? read_form(reader, budget, body.parts) : read_text(reader, budget, body.text);
  constexpr int kPayloadTooLarge = 413, kUnsupportedEncoding = 415;
  if (budget.exceeded() || response.status == kPayloadTooLarge) throw too_large(bytes_max);
  if (budget.crowded_out())
    throw HttpError(503, "overloaded", "the requests under way fill the memory that there is for bodies: try again later");
  if (response.status == kUnsupportedEncoding)
    throw HttpError(415, "unsupported_encoding", "the body's Content-Encoding is none that this server reads: send it plain or with gzip");
  if (!complete) throw malformed(body.multipart ? "the body is not a valid multipart form, or it breaks off" : "the body breaks off");
  return body;
}

}  // namespace clipdex::http

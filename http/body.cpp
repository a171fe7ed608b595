#include "http/body.h"

#include "http/errors.h"
#include "http/large_stack.h"

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
  Budget(std::size_t bytes_max, BodyMemory::Share& memory, Connection& connection)
      : kept_max_(bytes_max), memory_(memory), connection_(connection) {}
  // False when even throwing it away takes too long.
  bool take(std::size_t bytes) {
    connection_.body_progresses();
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
  Connection& connection_;
  std::size_t taken_ = 0;
  bool crowded_out_ = false;
};

bool parse_form(const httplib::ContentReader& reader, Budget& budget, std::vector<Part>& parts) {
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

// cpp-httplib looks at a part's headers with regular expressions, which recurse once a character: a long file name would be the end of us.
bool read_form(const httplib::ContentReader& reader, Budget& budget, std::vector<Part>& parts) {
  bool complete = false;
  on_large_stack([&] { complete = parse_form(reader, budget, parts); });
  return complete;
}

bool read_text(const httplib::ContentReader& reader, Budget& budget, std::string& text) {
  return reader([&](const char* data, std::size_t size) {
    if (!budget.take(size)) return false;
    if (budget.keeps()) text.append(data, size);
    if (budget.crowded_out()) std::string().swap(text);
    return true;
  });
}

// cpp-httplib passes on as it is what it cannot unpack, and looks for "br" anywhere in the name.
void check_encoding(const httplib::Request& request, bool multipart) {
  const auto encoding = request.get_header_value("Content-Encoding");
  if (encoding.empty() || encoding == "identity") return;
  // Its form parser keeps what follows a form without asking us, so what unpacks there would have no bound.
  if (multipart) throw HttpError(415, "unsupported_encoding", "a form with a Content-Encoding is not read: send it plain");
  const bool known = encoding == "gzip" || encoding == "deflate" || encoding == "br";
  if (known && request.get_header_value_count("Content-Encoding") == 1) return;
  throw HttpError(415, "unsupported_encoding",
                  "the body's Content-Encoding is none that is read here: gzip, deflate and br are, one of them");
}

std::string broken_body(bool multipart, bool stalled) {
  if (stalled && multipart) {
    return "the form has more than " + std::to_string(Connection::kBytesWithoutProgressMax) +
           " bytes that belong to none of its parts: before the first, after the last, or in a part's headers";
  }
  if (stalled) return "the body has more than " + std::to_string(Connection::kBytesWithoutProgressMax) + " bytes in which nothing is sent";
  return multipart ? "the body is not a valid multipart form, or it breaks off" : "the body breaks off";
}

}  // namespace

std::size_t readable_bytes_max(std::size_t body_bytes_max) { return body_bytes_max + kDiscardedBytesMax; }

Body read_body(const httplib::Request& request, const httplib::Response& response, const httplib::ContentReader& reader,
               std::size_t bytes_max, BodyMemory::Share& memory, Connection& connection) {
  Body body;
  const bool chunked = request.has_header("Transfer-Encoding");
  if (!chunked && !request.has_header("Content-Length")) return body;  // reading would wait for an end that does not come
  if (request.get_header_value_count("Content-Length") > (chunked ? 0U : 1U))
    throw malformed("the request states the length of its body more than once");
  if (!chunked && request.get_header_value_u64("Content-Length") > readable_bytes_max(bytes_max)) throw too_large(bytes_max);
  Budget budget(bytes_max, memory, connection);
  body.multipart = request.is_multipart_form_data();
  check_encoding(request, body.multipart);
  const bool complete = body.multipart ? read_form(reader, budget, body.parts) : read_text(reader, budget, body.text);
  constexpr int kPayloadTooLarge = 413;
  if (budget.exceeded() || response.status == kPayloadTooLarge) throw too_large(bytes_max);
  if (budget.crowded_out())
    throw HttpError(503, "overloaded", "the requests under way fill the memory that there is for bodies: try again later");
  if (!complete) throw malformed(broken_body(body.multipart, connection.body_stalled()));
  return body;
}

}  // namespace clipdex::http

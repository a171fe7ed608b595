// A request's body, read within its limit. Private to http/: cpp-httplib shows here.
#pragma once

#include <httplib.h>

#include <cstddef>
#include <string>
#include <vector>

namespace clipdex::http {

struct Part {
  std::string name;      // of the form field
  std::string filename;  // empty for a plain field
  std::string content;
};

struct Body {
  bool multipart = false;
  std::string text;         // not multipart
  std::vector<Part> parts;  // multipart
};

struct BodyLimits {
  std::size_t bytes_max = 0;
  std::size_t parts_max = 0;
};

// Throws HttpError: 413 over the limits (with a declared length and chunked alike), 400 for a body that breaks off or is no valid multipart.
Body read_body(const httplib::Request& request, const httplib::ContentReader& reader, const BodyLimits& limits);

}  // namespace clipdex::http

// A request's body, read within its limit. Private to http/: cpp-httplib shows here.
#pragma once

#include <httplib.h>

#include <cstddef>
#include <string>
#include <vector>

#include "http/body_memory.h"
#include "http/connection.h"

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

// What cpp-httplib may read of a body whose limit is `body_bytes_max`: the rest is thrown away before the client is told.
std::size_t readable_bytes_max(std::size_t body_bytes_max);

// What is kept of it is taken from `memory` first. Throws HttpError: 413 over the limit (with a declared length, chunked and compressed
// alike), 400 for a body that breaks off, is no valid multipart, or has too much that belongs to nothing in it, 415 for an unknown
// compression, 503 while the memory is full. After that the connection may hold the rest of the body, and is to be closed. connection: what
// `reader` reads from.
Body read_body(const httplib::Request& request, const httplib::Response& response, const httplib::ContentReader& reader,
               std::size_t bytes_max, BodyMemory::Share& memory, Connection& connection);

}  // namespace clipdex::http

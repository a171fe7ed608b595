// JSON over HTTP to a running server, as any program of a user would.
#pragma once

#include <httplib.h>
#include <openssl/evp.h>

#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

#include "tests/gallery.h"

namespace clipdex::tests {

using nlohmann::json;

class RestClient {
 public:
  explicit RestClient(const std::string& url) : client_(url) {
    client_.set_url_encode(false);
    client_.set_keep_alive(true);
    client_.set_tcp_nodelay(true);
    client_.set_read_timeout(120);
  }

  httplib::Client& http() { return client_; }

  // The status of the last answer; 0 if none came.
  int status() const { return status_; }

  // Each returns the answer's JSON, or null if none came.
  json get(const std::string& path) { return read(client_.Get(path)); }
  json put(const std::string& path, const json& body = json::object()) { return read(client_.Put(path, body.dump(), "application/json")); }
  json post(const std::string& path, const json& body) { return read(client_.Post(path, body.dump(), "application/json")); }
  json post_form(const std::string& path, const httplib::MultipartFormDataItems& form) { return read(client_.Post(path, form)); }
  json patch(const std::string& path, const json& body) { return read(client_.Patch(path, body.dump(), "application/json")); }
  json remove(const std::string& path) { return read(client_.Delete(path)); }

 private:
  json read(const httplib::Result& result) {
    status_ = result ? result->status : 0;
    return result ? json::parse(result->body, nullptr, false) : json();
  }

  httplib::Client client_;
  int status_ = 0;
};

// By OpenSSL and not by http/, whose decoder is to be tested.
inline std::string base64(const std::string& bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const int size = ::EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), reinterpret_cast<const unsigned char*>(bytes.data()),
                                     static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(size));
  return text;
}

inline json image_of(const std::string& id, const std::string& bytes) { return {{"id", id}, {"data", base64(bytes)}}; }

}  // namespace clipdex::tests

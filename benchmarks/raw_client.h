// Asks a server on loopback as fast as sockets are: no client library is measured with the server.
#pragma once

#include <cstdlib>
#include <stdexcept>
#include <string>

#include "tests/http/raw_connection.h"

namespace clipdex::benchmarks {

inline std::string http_request(const std::string& method, const std::string& path, const std::string& body) {
  return method + " " + path +
         " HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip, deflate, br\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}

// One keep-alive connection. One thread at a time.
class RawClient {
 public:
  explicit RawClient(int port) : connection_(port) {}

  // The answer's body. Throws std::runtime_error for an answer that is no success.
  std::string ask(const std::string& bytes) {
    if (!connection_.send(bytes)) throw std::runtime_error("the server has hung up");
    std::string answer = connection_.read_until("\r\n\r\n");
    const auto head = answer.find("\r\n\r\n") + 4, sized = answer.find("Content-Length: ");
    if (!answer.starts_with("HTTP/1.1 20") || sized == std::string::npos) throw std::runtime_error("not answered: " + answer);
    const auto length = std::strtoull(answer.c_str() + sized + 16, nullptr, 10);
    while (answer.size() < head + length) {
      const auto more = connection_.read_some();
      if (more.empty()) throw std::runtime_error("the answer breaks off");
      answer += more;
    }
    return answer.substr(head);
  }

 private:
  tests::RawConnection connection_;
};

}  // namespace clipdex::benchmarks

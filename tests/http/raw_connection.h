// Bytes over a socket, for what no well-behaved client sends.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>
#include <string>
#include <string_view>

namespace clipdex::tests {

class RawConnection {
 public:
  explicit RawConnection(int port) : descriptor_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(descriptor_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) throw std::runtime_error("no connection");
  }
  ~RawConnection() { ::close(descriptor_); }
  RawConnection(const RawConnection&) = delete;
  RawConnection& operator=(const RawConnection&) = delete;

  // False when the server has closed the connection.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  // The server sees the end of what is sent, and can still answer.
  void end_sending() { ::shutdown(descriptor_, SHUT_WR); }

  // What comes until the server closes the connection, or nothing comes for the time.
  std::string read_all(int silence_ms = 20'000) {
    std::string all;
    while (readable(silence_ms)) {
      const auto got = receive(all);
      if (got <= 0) break;
    }
    return all;
  }
  // What comes until it holds `text`, the connection ends, or nothing comes for the time.
  std::string read_until(std::string_view text, int silence_ms = 20'000) {
    std::string all;
    while (all.find(text) == std::string::npos && readable(silence_ms)) {
      if (receive(all) <= 0) break;
    }
    return all;
  }
  // What has come, or comes within the time; nothing at the end.
  std::string read_some(int silence_ms = 20'000) {
    std::string some;
    if (readable(silence_ms)) receive(some);
    return some;
  }
  // Whether the server has closed its side within the time.
  bool closed_within(int milliseconds) {
    std::string ignored;
    while (readable(milliseconds)) {
      if (receive(ignored) <= 0) return true;
    }
    return false;
  }

 private:
  bool readable(int milliseconds) {
    pollfd waited{.fd = descriptor_, .events = POLLIN, .revents = 0};
    return ::poll(&waited, 1, milliseconds) == 1;
  }
  ssize_t receive(std::string& all) {
    char buffer[65536];
    const auto got = ::recv(descriptor_, buffer, sizeof buffer, 0);
    if (got > 0) all.append(buffer, static_cast<std::size_t>(got));
    return got;
  }

  int descriptor_;
};

}  // namespace clipdex::tests

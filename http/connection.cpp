#include "http/connection.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace clipdex::http {
namespace {

constexpr std::size_t kGatheredBytesMax = 16'384;

using AddressCall = int (*)(int, sockaddr*, socklen_t*);

void read_address(AddressCall call, int descriptor, std::string& address, int& port) {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  if (call(descriptor, reinterpret_cast<sockaddr*>(&storage), &length) != 0) return;
  char text[INET6_ADDRSTRLEN] = "";
  if (storage.ss_family == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(&storage);
    ::inet_ntop(AF_INET, &v4->sin_addr, text, sizeof text);
    port = ntohs(v4->sin_port);
  } else if (storage.ss_family == AF_INET6) {
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(&storage);
    ::inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof text);
    port = ntohs(v6->sin6_port);
  }
  address = text;
}

}  // namespace

Connection::Connection(int descriptor, const ConnectionLimits& limits) : descriptor_(descriptor), limits_(limits) {
  read_address(::getpeername, descriptor_, remote_address_, remote_port_);
  read_address(::getsockname, descriptor_, local_address_, local_port_);
}

Connection::~Connection() {
  ::shutdown(descriptor_, SHUT_RDWR);
  ::close(descriptor_);
}

bool Connection::wait_readable(std::chrono::milliseconds time, int wake) const {
  if (input_at_ < input_.size()) return true;
  pollfd waited[2] = {{.fd = descriptor_, .events = POLLIN, .revents = 0}, {.fd = wake, .events = POLLIN, .revents = 0}};
  return ::poll(waited, 2, static_cast<int>(time.count())) > 0 && waited[0].revents != 0;
}

void Connection::begin_head() {
  begun_ = Clock::now();
  deadline_ = begun_ + limits_.head;
  in_head_ = true;
  bytes_read_ = bytes_written_ = 0;
}

void Connection::begin_body() {
  deadline_ = Clock::now() + limits_.body;
  in_head_ = false;
  body_progresses();
}

void Connection::begin_answer() { begin_body(); }

bool Connection::flush() {
  if (output_.empty()) return !write_failed_;
  const bool sent = send_all(output_.data(), output_.size());
  output_.clear();
  if (output_.capacity() > 2 * kGatheredBytesMax) output_.shrink_to_fit();
  return sent && !write_failed_;
}

bool Connection::wait(short events) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline_ - Clock::now());
  const auto time = std::clamp(left, std::chrono::milliseconds(0), limits_.silence);
  pollfd waited{.fd = descriptor_, .events = events, .revents = 0};
  int ready = 0;
  do {
    ready = ::poll(&waited, 1, static_cast<int>(time.count()));
  } while (ready < 0 && errno == EINTR);
  if (ready > 0) return true;
  timed_out_ = timed_out_ || ready == 0;
  return false;
}

ssize_t Connection::receive(char* data, std::size_t size) {
  while (true) {
    // A trickle always has something to read: the deadline is looked at all the same.
    if (Clock::now() >= deadline_) {
      timed_out_ = true;
      return -1;
    }
    const auto got = ::recv(descriptor_, data, size, MSG_DONTWAIT);
    if (got >= 0) return got;
    if (errno == EINTR) continue;
    if (errno != EAGAIN || !wait(POLLIN)) return -1;
  }
}

ssize_t Connection::read(char* data, std::size_t size) {
  if (read_failed_) return -1;
  if (in_head_ && bytes_read_ >= limits_.head_bytes_max) {
    head_too_large_ = read_failed_ = true;
    return -1;
  }
  if (!in_head_) {
    if (bytes_read_ >= body_bytes_end_) {
      body_stalled_ = read_failed_ = true;
      return -1;
    }
    size = std::min(size, static_cast<std::size_t>(body_bytes_end_ - bytes_read_));
  }
  if (input_at_ == input_.size()) {
    if (!output_.empty() && !flush()) return -1;  // "100 Continue" is what the client waits for
    // What is large goes where it is wanted; a head is asked for byte by byte.
    if (size >= kBufferBytes) {
      const auto got = receive(data, size);
      if (got <= 0) read_failed_ = true;
      if (got > 0) bytes_read_ += static_cast<std::uint64_t>(got);
      return got;
    }
    input_at_ = 0;
    input_.resize(kBufferBytes);
    const auto got = receive(input_.data(), input_.size());
    input_.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    if (got <= 0) {
      read_failed_ = true;
      return got;
    }
  }
  const auto taken = std::min(size, input_.size() - input_at_);
  std::memcpy(data, input_.data() + input_at_, taken);
  input_at_ += taken;
  bytes_read_ += taken;
  return static_cast<ssize_t>(taken);
}

bool Connection::send_all(const char* data, std::size_t size) {
  while (size > 0) {
    const auto sent = ::send(descriptor_, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) {
      data += sent;
      size -= static_cast<std::size_t>(sent);
      // A client that takes a byte at a time is not waited for without end.
      if (size == 0 || Clock::now() < deadline_) continue;
    } else if (sent < 0 && (errno == EINTR || (errno == EAGAIN && wait(POLLOUT)))) {
      continue;
    }
    write_failed_ = true;
    return false;
  }
  return true;
}

ssize_t Connection::write(const char* data, std::size_t size) {
  bytes_written_ += size;
  if (output_.size() + size <= kGatheredBytesMax) {
    output_.append(data, size);
    return static_cast<ssize_t>(size);
  }
  if (!flush() || !send_all(data, size)) return -1;
  return static_cast<ssize_t>(size);
}

void Connection::get_remote_ip_and_port(std::string& address, int& port) const {
  address = remote_address_;
  port = remote_port_;
}

void Connection::get_local_ip_and_port(std::string& address, int& port) const {
  address = local_address_;
  port = local_port_;
}

}  // namespace clipdex::http

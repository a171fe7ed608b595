// One accepted socket as cpp-httplib's stream, with deadlines that no trickle of bytes puts off. Private to http/: cpp-httplib shows here.
#pragma once

#include <httplib.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

namespace clipdex::http {

struct ConnectionLimits {
  std::chrono::milliseconds silence{10'000};           // between two bytes of a request or an answer
  std::chrono::milliseconds head{30'000};              // from the first byte of a request to the end of its head
  std::chrono::milliseconds body{300'000};             // for reading the whole body; for writing the whole answer
  std::size_t head_bytes_max = std::size_t{64} << 10;  // request line and headers
};

// Owns the socket. What was read beyond one request's end is there for the next one; answers are gathered, so that a small one is one
// packet. One thread at a time.
class Connection final : public httplib::Stream {
 public:
  using Clock = std::chrono::steady_clock;

  Connection(int descriptor, const ConnectionLimits& limits);
  ~Connection() override;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  int descriptor() const { return descriptor_; }
  const std::string& remote_address() const { return remote_address_; }
  int remote_port() const { return remote_port_; }

  // Waits until there is something to read: true, also if that is the connection's end. False when the time is over, or when `wake`, a
  // descriptor, is readable and this one is not.
  bool wait_readable(std::chrono::milliseconds time, int wake) const;

  // What follows is a request's head; its body; its answer. Each has its own deadline.
  void begin_head();
  void begin_body();
  void begin_answer();
  // Of a body, so many bytes can be read without progress, and then nothing more: what cpp-httplib skips or keeps by itself (what follows a
  // form, lines of a chunk's length) has no other bound. Whoever takes from a body says so, and they can be read again.
  static constexpr std::size_t kBytesWithoutProgressMax = std::size_t{128} << 10;
  void body_progresses() { body_bytes_end_ = bytes_read_ + kBytesWithoutProgressMax; }
  // False if the answer could not be written whole.
  bool flush();

  std::uint64_t bytes_read() const { return bytes_read_; }        // since begin_head(), as they were asked for
  std::uint64_t bytes_written() const { return bytes_written_; }  // since begin_head()
  Clock::time_point begun() const { return begun_; }              // begin_head()
  // Why nothing more can be read: the request took too long; its head was too long. Then the connection is of no more use.
  bool timed_out() const { return timed_out_; }
  bool head_too_large() const { return head_too_large_; }
  // Reading has ended because the body did not progress.
  bool body_stalled() const { return body_stalled_; }
  // Nothing more can be read, or written: it is to be closed.
  bool failed() const { return read_failed_ || write_failed_; }

  bool is_readable() const override { return true; }
  bool is_writable() const override { return !write_failed_; }
  using httplib::Stream::write;
  ssize_t read(char* data, std::size_t size) override;
  ssize_t write(const char* data, std::size_t size) override;
  void get_remote_ip_and_port(std::string& address, int& port) const override;
  void get_local_ip_and_port(std::string& address, int& port) const override;
  socket_t socket() const override { return descriptor_; }

 private:
  static constexpr std::size_t kBufferBytes = 8192;

  // False when silence or deadline have passed.
  bool wait(short events);
  ssize_t receive(char* data, std::size_t size);
  bool send_all(const char* data, std::size_t size);

  int descriptor_;
  const ConnectionLimits limits_;
  std::string remote_address_, local_address_;
  int remote_port_ = 0, local_port_ = 0;
  Clock::time_point begun_, deadline_;
  bool in_head_ = false;
  bool timed_out_ = false, head_too_large_ = false, body_stalled_ = false, read_failed_ = false, write_failed_ = false;
  std::uint64_t bytes_read_ = 0, bytes_written_ = 0;
  std::uint64_t body_bytes_end_ = 0;  // of bytes_read_, outside of a head
  std::string input_;                 // read and not yet asked for, from input_at_
  std::size_t input_at_ = 0;
  std::string output_;  // not yet sent
};

}  // namespace clipdex::http

// All open connections: those that wait for a request cost a descriptor each, those within one have a thread. Private to http/.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "engine/metrics.h"
#include "http/connection.h"
#include "http/thread_pool.h"

namespace clipdex::http {

struct ConnectionPoolOptions {
  std::size_t connections_max = 2'048;
  std::chrono::milliseconds idle{30'000};  // between two requests, and before the first
  ConnectionLimits limits;
  std::function<std::string()> refusal;  // the whole answer to a connection over the limit
};

// accept() and shutdown() from any thread; `serve` is called on the pool's.
class ConnectionPool {
 public:
  struct Counts {
    engine::Gauge open, busy, threads;  // connections; those within a request; threads there are
    engine::Counter accepted, refused;
  };
  // Serves one request. False when the connection is to be closed.
  using Serve = std::function<bool(Connection&)>;

  // Throws std::system_error if the system has no descriptors left. `counts` outlives the pool.
  ConnectionPool(ConnectionPoolOptions options, Serve serve, Counts& counts);
  ~ConnectionPool();
  ConnectionPool(const ConnectionPool&) = delete;
  ConnectionPool& operator=(const ConnectionPool&) = delete;

  // Takes over the socket. Over the limit it gets the refusal and is closed.
  void accept(int descriptor);
  // Requests that have arrived are served, then everything is closed.
  void shutdown();

 private:
  struct Parked {
    std::unique_ptr<Connection> connection;
    Connection::Clock::time_point deadline;
    bool refused = false;  // or let go: only until the client has read why
  };

  // Until a request comes or the time is over; while the pool stops it is closed instead.
  void park(std::unique_ptr<Connection> connection, std::chrono::milliseconds time, bool refused, bool is_new);
  void uncount(bool refused);  // under the mutex
  void refuse(std::unique_ptr<Connection> connection);
  void serve_requests(std::unique_ptr<Connection> connection);
  void let_go(std::unique_ptr<Connection> connection);
  void hand_over(std::unique_ptr<Connection> connection);
  void watch();
  void take_event(int descriptor);
  void close_expired();
  void drain(Parked parked);
  bool stopping() const;

  const ConnectionPoolOptions options_;
  const Serve serve_;
  Counts& counts_;
  int poll_ = -1, wake_ = -1;  // epoll; an event that stays readable once the pool stops
  mutable std::mutex mutex_;
  std::map<int, Parked> parked_;  // by descriptor
  std::size_t open_ = 0, refused_ = 0;
  bool stopping_ = false;
  ThreadPool threads_;
  std::jthread watcher_;
};

}  // namespace clipdex::http

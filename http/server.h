// The HTTP face of an engine: REST under /v1, probes, and the page at /.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

#include "http/log.h"

namespace clipdex::engine {
class Engine;
}

namespace clipdex::http {

struct ServerOptions {
  std::string host = "127.0.0.1";
  int port = 8080;  // 0: any free one, see Server::port()
  std::size_t body_bytes_max = std::size_t{32} << 20;
  std::size_t connections_max = 2'048;                    // open at once; one more is told 503
  std::size_t bodies_bytes_max = std::size_t{512} << 20;  // of all requests' bodies in memory; at least one body fits
  std::chrono::milliseconds bodies_patience{5'000};       // a request waits so long for that
  std::chrono::seconds silence_timeout{10};               // between two bytes within a request
  std::chrono::seconds head_timeout{30};                  // from a request's first byte to the end of its head
  std::chrono::seconds body_timeout{300};                 // for a whole body; for a whole answer
  std::chrono::seconds idle_timeout{30};                  // between two requests
  LogFormat log_format = LogFormat::kText;
  std::size_t json_depth_max = 64;
  // Largest number of images in one ingest request.
  std::size_t images_per_request_max = 10'000;
};

// run() on one thread; stop() from any thread, before run() too.
class Server {
 public:
  // Binds at once, so that a port in use is known before the model loads. Throws std::runtime_error that names address and remedy.
  explicit Server(const ServerOptions& options);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  int port() const;
  // "http://127.0.0.1:8080"
  std::string url() const;

  // Serves until stop(), once. Requests under way at stop() are answered, new connections are refused.
  void run(engine::Engine& engine);
  void stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace clipdex::http

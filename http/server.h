// The HTTP face of an engine: REST under /v1, probes, and the page at /.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

namespace clipdex::engine {
class Engine;
}

namespace clipdex::http {

struct ServerOptions {
  std::string host = "127.0.0.1";
  int port = 8080;  // 0: any free one, see Server::port()
  std::size_t body_bytes_max = std::size_t{32} << 20;
  std::size_t threads = 0;  // connections served at once; 0: 64
  std::chrono::seconds header_timeout{10};
  std::chrono::seconds idle_timeout{30};
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

// An engine on the built-in model behind a real server on a free port of loopback, and a client for it.
#pragma once

#include <httplib.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>

#include "engine/engine.h"
#include "http/base64.h"
#include "http/server.h"
#include "tests/gallery.h"
#include "tests/temporary_directory.h"

namespace clipdex::tests {

using nlohmann::json;

class ServedEngine {
 public:
  explicit ServedEngine(http::ServerOptions options = {}, engine::EngineOptions engine_options = {})
      : server_([&] {
          options.port = 0;
          return options;
        }()) {
    if (engine_options.data_directory.empty()) engine_options.data_directory = directory_.path() / "data";
    if (engine_options.model.empty()) engine_options.model = kModel;
    engine_ = std::make_unique<engine::Engine>(engine_options);
    thread_ = std::thread([this] { server_.run(*engine_); });
    client_ = std::make_unique<httplib::Client>(server_.url());
    client_->set_url_encode(false);
    client_->set_keep_alive(true);
    client_->set_tcp_nodelay(true);
    client_->set_read_timeout(60);
  }
  ~ServedEngine() { stop(); }
  ServedEngine(const ServedEngine&) = delete;
  ServedEngine& operator=(const ServedEngine&) = delete;

  void stop() {
    server_.stop();
    if (thread_.joinable()) thread_.join();
  }

  int port() const { return server_.port(); }
  const std::string url() const { return server_.url(); }
  engine::Engine& engine() { return *engine_; }
  httplib::Client& client() { return *client_; }

  httplib::Result get(const std::string& path) { return client_->Get(path); }
  httplib::Result post(const std::string& path, const json& body) { return client_->Post(path, body.dump(), "application/json"); }
  httplib::Result put(const std::string& path, const json& body = json::object()) {
    return client_->Put(path, body.dump(), "application/json");
  }
  httplib::Result patch(const std::string& path, const json& body) { return client_->Patch(path, body.dump(), "application/json"); }
  httplib::Result remove(const std::string& path) { return client_->Delete(path); }

 private:
  TemporaryDirectory directory_;
  http::Server server_;
  std::unique_ptr<engine::Engine> engine_;
  std::thread thread_;
  std::unique_ptr<httplib::Client> client_;
};

inline json body_of(const httplib::Result& result) { return json::parse(result->body); }
inline std::string error_code(const httplib::Result& result) { return body_of(result).at("error").at("code"); }
inline std::string error_message(const httplib::Result& result) { return body_of(result).at("error").at("message"); }

// {"id","data","metadata"?} of a picture of the gallery.
inline json image_json(const std::string& id, const std::string& picture) {
  return {{"id", id}, {"data", http::encode_base64(gallery_file(picture))}};
}

// The collection "c" with four pictures of the gallery, their names as ids.
inline void ingest_sample(ServedEngine& served) {
  served.put("/v1/collections/c");
  json images = json::array();
  for (const auto* name : {"red-apple.png", "rocket.png", "dog.png", "scene-000.png"}) images.push_back(image_json(name, name));
  served.post("/v1/collections/c/images", {{"images", images}});
}

}  // namespace clipdex::tests

// A client of our own REST interface, in the engine's types: what the command line uses with --server.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "engine/engine.h"
#include "engine/known_images.h"

namespace clipdex::http {

// The server answered with an error, or did not answer (status 0).
class ClientError : public std::runtime_error {
 public:
  ClientError(int status, std::string code, const std::string& message, std::optional<std::chrono::seconds> retry_after = {})
      : std::runtime_error(message), status_(status), code_(std::move(code)), retry_after_(retry_after) {}
  int status() const { return status_; }
  const std::string& code() const { return code_; }
  // After which the server asks to be tried again.
  std::optional<std::chrono::seconds> retry_after() const { return retry_after_; }

 private:
  int status_;
  std::string code_;
  std::optional<std::chrono::seconds> retry_after_;
};

// One thread at a time. Every call throws ClientError.
class Client {
 public:
  // "http://host:port", std::invalid_argument otherwise.
  explicit Client(const std::string& url);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  void create_collection(std::string_view name, const engine::CollectionSettings& settings);
  bool drop_collection(std::string_view name);
  std::vector<engine::CollectionStatistics> collections();
  // Those that are there and could not be opened, with the reasons.
  std::vector<engine::UnusableCollection> unusable_collections();
  std::optional<engine::CollectionStatistics> collection(std::string_view name);

  std::vector<engine::IngestResult> ingest(std::string_view collection, std::span<const engine::IngestItem> items);
  // engine::known_images() of the server.
  std::vector<bool> known(std::string_view collection, std::span<const engine::ImageVersion> versions);
  engine::SearchResult search(std::string_view collection, const engine::SearchRequest& request);
  // image: the file.
  engine::ClassificationResult classify(const std::string& image, const engine::LabelSet& set, std::size_t top);
  engine::ImagePage list(std::string_view collection, std::string_view after_id, std::size_t limit);
  std::optional<engine::ImageRecord> get(std::string_view collection, std::string_view id);
  // Nothing if there is no such image, or nothing of that size is kept of it.
  std::optional<std::string> content(std::string_view collection, std::string_view id, engine::ContentSize size);
  bool remove(std::string_view collection, std::string_view id);
  // The server makes the snapshot NAME (empty: the time) in its data directory.
  engine::NamedSnapshot create_snapshot(std::string_view name);
  std::vector<std::string> snapshots();
  // Largest request body that the server accepts, from /v1/info; for sizing ingest batches.
  std::size_t body_bytes_max();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace clipdex::http

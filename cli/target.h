// What a command works on: a server, or a data directory of this machine.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/engine.h"

namespace CLI {
class App;
}

namespace clipdex::cli {

struct TargetOptions {
  std::string server, data, model, collection = "images";
  bool exact_decode = false;
};

// --server, --data, --model, and --collection unless the command names collections itself.
void add_target_options(CLI::App& command, TargetOptions& options, bool with_collection = true);

// --exact-decode, for commands that take pictures.
void add_exact_decode_option(CLI::App& command, TargetOptions& options);

// One thread at a time.
class Target {
 public:
  virtual ~Target() = default;
  // Makes it with default settings if it is missing.
  virtual void ensure_collection(const std::string& name) = 0;
  virtual void create_collection(const std::string& name, const engine::CollectionSettings& settings) = 0;
  virtual bool drop_collection(const std::string& name) = 0;
  virtual std::vector<engine::CollectionStatistics> collections() = 0;
  virtual std::optional<engine::CollectionStatistics> collection(const std::string& name) = 0;
  virtual std::vector<engine::IngestResult> ingest(const std::string& collection, std::span<const engine::IngestItem> items) = 0;
  virtual engine::SearchResult search(const std::string& collection, const engine::SearchRequest& request) = 0;
  virtual engine::ImagePage list(const std::string& collection, std::string_view after_id, std::size_t limit) = 0;
  virtual bool remove(const std::string& collection, const std::string& id) = 0;
  // Those that are there and could not be opened, with the reasons.
  virtual std::vector<engine::UnusableCollection> unusable_collections() = 0;
  // Bytes of files, metadata and ids that one ingest call can take.
  virtual std::size_t ingest_bytes_max() = 0;
};

// Whether a data directory that is not there is made: only a command that adds something wants that.
enum class DataDirectory { kRequired, kMade };

// With neither --server nor --data: what CLIPDEX_SERVER or CLIPDEX_DATA names, else the server on this machine's default address.
// Throws std::invalid_argument if both are named, std::runtime_error if a required directory is not there.
std::unique_ptr<Target> open_target(const TargetOptions& options, DataDirectory data_directory = DataDirectory::kRequired);

}  // namespace clipdex::cli

// What a command works on: a server, or a data directory of this machine.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/device_options.h"
#include "engine/engine.h"
#include "engine/known_images.h"

namespace CLI {
class App;
}

namespace clipdex::cli {

struct TargetOptions {
  std::string server, data, model, collection = "images";
  bool exact_decode = false;
  DeviceOptions device;
};

// --server, --data, --model, --device, --precision, and --collection unless the command names collections itself.
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
  // engine::known_images() of the collection.
  virtual std::vector<bool> known(const std::string& collection, std::span<const engine::ImageVersion> versions) = 0;
  virtual engine::SearchResult search(const std::string& collection, const engine::SearchRequest& request) = 0;
  virtual engine::ImagePage list(const std::string& collection, std::string_view after_id, std::size_t limit) = 0;
  // Nothing if there is no such image, or nothing of that size is kept of it.
  virtual std::optional<std::string> content(const std::string& collection, const std::string& id, engine::ContentSize size) = 0;
  virtual bool remove(const std::string& collection, const std::string& id) = 0;
  // Waits until the index is built, where this process does that: a server goes on by itself. False if `give_up` said so.
  virtual bool finish_index(const std::string& /*collection*/, const std::function<bool()>& /*give_up*/) { return true; }
  // Those that are there and could not be opened, with the reasons.
  virtual std::vector<engine::UnusableCollection> unusable_collections() = 0;
  // Bytes of files, metadata and ids that one ingest call can take.
  virtual std::size_t ingest_bytes_max() = 0;
  // The snapshot NAME (empty: the time) of all collections, kept in the data directory (a server's is its own).
  virtual engine::NamedSnapshot create_snapshot(const std::string& name) = 0;
  // Every image with its embedding. Throws std::invalid_argument for a server, which gives no embeddings in bulk.
  virtual void for_each_image(const std::string& collection,
                              const std::function<void(const engine::ImageRecord&, std::span<const float>)>& visit) = 0;
};

// Where the options, or CLIPDEX_SERVER and CLIPDEX_DATA, point: one of the two is empty.
struct Place {
  std::string server, data;
};

// With neither: the server on this machine's default address. Throws std::invalid_argument if both are named.
Place place_of(const TargetOptions& options);

// Whether a data directory that is not there is made: only a command that adds something wants that.
enum class DataDirectory { kRequired, kMade };

// What is at place_of(). Throws std::invalid_argument for options that do not go together, std::runtime_error if a required directory is
// not there.
std::unique_ptr<Target> open_target(const TargetOptions& options, DataDirectory data_directory = DataDirectory::kRequired);

}  // namespace clipdex::cli

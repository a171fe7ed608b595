// All collections of one data directory, and the model they share.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/classification.h"
#include "engine/collection.h"
#include "engine/errors.h"
#include "engine/metrics.h"
#include "engine/model.h"
#include "engine/snapshot.h"

namespace clipdex::engine {

struct EngineOptions {
  std::filesystem::path data_directory;
  std::filesystem::path model;
  ImageLimits limits;
  EncoderOptions encoder;
  bool exact_decode = false;  // false: large JPEGs are decoded at the reduced size that the model needs
  std::size_t query_cache_bytes = std::size_t{64} << 20;
  IndexTuning index;
  std::chrono::milliseconds drop_wait{30'000};  // how long drop_collection() waits for the requests under way
};

// A collection that is there and could not be opened; the others work.
struct UnusableCollection {
  std::string name;
  std::string reason;  // with the remedy
};

struct NamedSnapshot {
  std::filesystem::path path;
  SnapshotInfo info;
};

struct ClassificationResult {
  std::vector<LabelProbability> labels;  // best first
  double labels_ms = 0;                  // for encoding the labels; next to nothing for a set that was used lately
  double encode_ms = 0;                  // for the picture
  double total_ms = 0;
};

// Any thread may call it. One process at a time owns a data directory (a lock file says who).
class Engine {
 public:
  // Loads the model, locks the directory (made if missing) and opens every collection.
  // Throws ConflictError if the directory is in use, std::runtime_error if it cannot be written or the model cannot be read.
  explicit Engine(const EngineOptions& options);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  const ClipEncoder& encoder() const;
  const ImageLimits& limits() const;
  // Counting changes nothing of the engine that a caller can see.
  Metrics& metrics() const;
  // The unit embedding of a picture file. Throws ImageError.
  std::vector<float> embed_image(const std::string& file) const;

  // Which of the labels the picture (a file's bytes) goes with; `top` as in LabelClassifier::classify(). At most kServedPromptsMax prompts.
  // Throws ImageError, std::invalid_argument.
  ClassificationResult classify(const std::string& file, const LabelSet& set, std::size_t top = 0) const;

  // nullptr if there is none. Throws ConflictError with the reason if it is there and unusable.
  std::shared_ptr<Collection> collection(std::string_view name) const;
  // In order of their names.
  std::vector<std::shared_ptr<Collection>> collections() const;
  std::vector<UnusableCollection> unusable_collections() const;

  // Names: 1..64 of [a-z0-9_-], not starting with '-' or '_'; else std::invalid_argument. The second of the pair tells whether it was made
  // now; an existing one with the same settings is returned as it is, with other settings ConflictError.
  std::pair<std::shared_ptr<Collection>, bool> create_collection(std::string_view name, const CollectionSettings& settings);

  // False if there is none. An unusable one can be dropped too. Requests under way on it end normally, and this waits for them: throws
  // ConflictError, and nothing is dropped, if somebody holds the collection for longer than EngineOptions::drop_wait.
  bool drop_collection(std::string_view name);

  // All collections, each as it is at one moment, in a new directory on the data directory's file system. Files are shared by hard links:
  // it takes no room at first, and fractions of a second. Writes and searches go on. Throws ConflictError (it exists; a collection is
  // unusable), std::invalid_argument (another file system), DiskFullError.
  SnapshotInfo create_snapshot(const std::filesystem::path& directory);
  // The same within the data directory, below snapshots/. Names: as collections'; "": the time. Throws std::invalid_argument for another
  // name.
  NamedSnapshot create_named_snapshot(const std::string& name);
  // Of those within the data directory, in order.
  std::vector<std::string> snapshots() const;
  // False if there is none of this name. Throws std::invalid_argument for what is no name.
  bool drop_snapshot(const std::string& name);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace clipdex::engine

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
#include "engine/model.h"

namespace clipdex::engine {

struct EngineOptions {
  std::filesystem::path data_directory;
  std::filesystem::path model;
  ImageLimits limits;
  EncoderOptions encoder;
  bool exact_decode = false;                    // false: large JPEGs are decoded at the reduced size that the model needs
  std::chrono::milliseconds drop_wait{30'000};  // how long drop_collection() waits for the requests under way
};

// A collection that is there and could not be opened; the others work.
struct UnusableCollection {
  std::string name;
  std::string reason;  // with the remedy
};

struct ClassificationResult {
  std::vector<LabelProbability> labels;  // best first
  double labels_ms = 0;                  // for encoding the labels; next to nothing for a set that was used lately
  double encode_ms = 0;                  // for the picture
  double total_ms = 0;
};

struct SnapshotInfo {
  std::size_t collections = 0;
  std::uint64_t images = 0;
  std::uint64_t bytes = 0;
  double milliseconds = 0;
};

// Makes a data directory, which must be empty or missing, of a snapshot, which stays as it is.
SnapshotInfo restore_snapshot(const std::filesystem::path& snapshot, const std::filesystem::path& data_directory);

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

  // All collections as they are now, in a directory that does not exist yet, on the same file system: files are shared by hard links.
  SnapshotInfo create_snapshot(const std::filesystem::path& directory);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace clipdex::engine

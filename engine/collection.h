// One named set of images, bound to one model: store, index and encoder tied together.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/ingest.h"
#include "engine/metrics.h"
#include "engine/model.h"
#include "engine/search.h"

namespace clipdex::engine {

enum class StoredContent { kNone, kThumbnail, kOriginal };  // kOriginal keeps both
enum class ContentSize { kThumbnail, kOriginal };

// "none", "thumbnail", "original".
std::string_view stored_content_name(StoredContent content);
std::optional<StoredContent> stored_content_from_name(std::string_view name);

struct CollectionSettings {
  // "auto", "flat" (exact), "hnsw" or "ivf_pq" (approximate). auto chooses by the number of images and the memory there is.
  std::string index_type = "auto";
  StoredContent store = StoredContent::kThumbnail;
};

struct CollectionStatistics {
  std::string name;
  std::uint64_t images = 0;
  std::size_t dimension = 0;
  std::string model_name;
  std::string model_fingerprint;
  CollectionSettings settings;
  std::int64_t created_ms = 0;
  std::uint64_t disk_bytes = 0;
  std::uint64_t index_memory_bytes = 0;
  std::uint64_t index_deleted = 0;
  std::uint64_t index_buffered = 0;
  std::size_t index_segments = 0;
  std::map<std::string, std::uint64_t> index_types;  // rows, live and deleted, by the type of their segment; the buffer's are not in one
  std::uint64_t index_device_bytes = 0;              // of a GPU's memory
  std::uint64_t index_mapped_bytes = 0;              // of files, in memory as far as there is room
  std::string index_explanation;                     // which kind of index it is, and why, in a sentence
};

struct ImagePage {
  std::vector<ImageRecord> images;
  std::string next_after_id;  // "" at the end
};

class ImagePreparation;
class QueryEncoder;
}  // namespace clipdex::engine
namespace clipdex::index {
class Accelerator;
}
namespace clipdex::engine {

// How indexes are built. The defaults suit collections of thousands to millions of images.
struct IndexTuning {
  std::size_t memory_max = 0;            // what one collection's index may plan with; 0: half of the machine's memory
  int threads = 0;                       // that build in the background; 0: half of the cores
  std::size_t seal_rows = 8'192;         // newest images, which are scanned, at most
  std::size_t approximate_rows_min = 0;  // segments of fewer rows are scanned; 0: index::IndexOptions' default
  std::vector<int> gpu_devices;          // that search; empty: the encoder's
  // Of several, each has all vectors, for more searches a second; otherwise each has a part of them.
  bool gpu_replicas = false;
  // Of each GPU's memory, for vectors; by default half of what is free when the program starts. 0: none.
  std::optional<std::size_t> gpu_memory_max;
  bool gpu_half = true;    // vectors in fp16 there; hits are scored with the exact ones
  bool gpu_graph = false;  // over many vectors there, for searches that are not exact; needs a FAISS with cuVS
};

// What all collections of an engine use.
struct CollectionResources {
  std::shared_ptr<const ClipEncoder> encoder;
  std::shared_ptr<const ImagePreparation> preparation;
  std::shared_ptr<QueryEncoder> queries;
  Metrics* metrics = nullptr;            // the engine's; not null
  std::shared_ptr<std::mutex> building;  // whoever builds an index holds it
  IndexTuning tuning;
  std::shared_ptr<index::Accelerator> accelerator;  // of all collections; may be null
};

// An image whose embedding the caller has, of the collection's model.
struct VectorItem {
  std::string id;
  std::vector<float> embedding;  // of any length but zero: normalised here
  std::string source;
  std::string metadata = "{}";
};

// Any thread may call it. Searches never wait for an ingest; writes are serialised where they touch the store.
class Collection {
 public:
  // Makes the directory with an empty store. Throws std::invalid_argument for settings that cannot be, ConflictError if it exists.
  static void create(const std::filesystem::path& directory, const CollectionSettings& settings, const ClipEncoder& encoder);

  // Opens it; the time it takes follows the work since the index's last checkpoint. Throws ConflictError, with the remedy, if it belongs to
  // another model, CorruptionError if the store has lost operations.
  Collection(std::string name, const std::filesystem::path& directory, const CollectionResources& resources);
  ~Collection();
  Collection(const Collection&) = delete;
  Collection& operator=(const Collection&) = delete;

  const std::string& name() const;

  // One result an item, in order. Everything accepted is durable and found by the next search when this returns.
  // One bad item never fails the others. Throws DiskFullError; then nothing of the request was stored.
  // The same id twice with the same bytes is `unchanged` the second time, with other bytes or other metadata the second one fails.
  std::vector<IngestResult> ingest(std::span<const IngestItem> items);

  // Images without files, for bulk loads and moves between collections of one model: all of them or, with std::invalid_argument, none. An
  // id that exists is replaced. They have no thumbnail, and a format of "vector".
  std::vector<IngestResult> import_vectors(std::span<const VectorItem> items);

  // Throws std::invalid_argument (limit, vector), ImageError (query image), UnknownImageError (query id).
  SearchResult search(const SearchRequest& request) const;

  // One outcome a request, in order; one that fails does not fail the others. Cheaper than one by one: texts are encoded together, and
  // queries with the same options share one pass over the index.
  std::vector<SearchOutcome> search_many(std::span<const SearchRequest> requests) const;

  std::optional<ImageRecord> get(std::string_view id) const;
  std::optional<std::string> content(std::string_view id, ContentSize size) const;
  ImagePage list(std::string_view after_id, std::size_t limit) const;

  // False if there is no such image.
  bool remove(std::string_view id);

  // RFC 7396 JSON merge patch of the metadata; never re-encodes. `patch` is a JSON object, else std::invalid_argument.
  std::optional<ImageRecord> patch_metadata(std::string_view id, std::string_view patch);

  // Every image in order of ids, with its embedding, from one consistent view; writes go on meanwhile. Throws CorruptionError.
  void for_each_image(const std::function<void(const ImageRecord& record, std::span<const float> embedding)>& visit) const;

  CollectionStatistics statistics() const;

  // A copy of the collection as it is at one moment, in a new directory of the same file system: files are shared by hard links. Writes and
  // searches go on. Returns how many images it has. Throws DiskFullError, std::runtime_error; then nothing is left there.
  std::uint64_t copy_to(const std::filesystem::path& directory) const;

  // Waits until the background has nothing to do: every segment written, merged and in the checkpoint. For bulk loads and benchmarks.
  // `give_up` is asked every tenth of a second: false then, and the rest is done in the background.
  bool finish_upkeep(const std::function<bool()>& give_up = [] { return false; }) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace clipdex::engine

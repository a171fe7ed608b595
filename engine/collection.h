// One named set of images, bound to one model: store, index and encoder tied together.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/ingest.h"
#include "engine/model.h"
#include "engine/search.h"

namespace clipdex::engine {

enum class StoredContent { kNone, kThumbnail, kOriginal };  // kOriginal keeps both
enum class ContentSize { kThumbnail, kOriginal };

// "none", "thumbnail", "original".
std::string_view stored_content_name(StoredContent content);
std::optional<StoredContent> stored_content_from_name(std::string_view name);

struct CollectionSettings {
  std::string index_type = "flat";  // the one there is so far
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
};

struct ImagePage {
  std::vector<ImageRecord> images;
  std::string next_after_id;  // "" at the end
};

class ImagePreparation;

// Any thread may call it. Searches never wait for an ingest; writes are serialised where they touch the store.
class Collection {
 public:
  // Makes the directory with an empty store. Throws std::invalid_argument for settings that cannot be, ConflictError if it exists.
  static void create(const std::filesystem::path& directory, const CollectionSettings& settings, const ClipEncoder& encoder);

  // Opens it and rebuilds the index from the store. Throws ConflictError, with the remedy, if it belongs to another model.
  Collection(std::string name, const std::filesystem::path& directory, std::shared_ptr<const ClipEncoder> encoder,
             std::shared_ptr<const ImagePreparation> preparation);
  ~Collection();
  Collection(const Collection&) = delete;
  Collection& operator=(const Collection&) = delete;

  const std::string& name() const;

  // One result an item, in order. Everything accepted is durable and found by the next search when this returns.
  // One bad item never fails the others. Throws DiskFullError; then nothing of the request was stored.
  // The same id twice with the same bytes is `unchanged` the second time, with other bytes or other metadata the second one fails.
  std::vector<IngestResult> ingest(std::span<const IngestItem> items);

  // Throws std::invalid_argument (limit, vector), ImageError (query image), UnknownImageError (query id).
  SearchResult search(const SearchRequest& request) const;

  std::optional<ImageRecord> get(std::string_view id) const;
  std::optional<std::string> content(std::string_view id, ContentSize size) const;
  ImagePage list(std::string_view after_id, std::size_t limit) const;
  // Every image with its embedding.
  void for_each_image(const std::function<void(const ImageRecord&, std::span<const float>)>& visit) const;

  // False if there is no such image.
  bool remove(std::string_view id);

  // RFC 7396 JSON merge patch of the metadata; never re-encodes. `patch` is a JSON object, else std::invalid_argument.
  std::optional<ImageRecord> patch_metadata(std::string_view id, std::string_view patch);

  CollectionStatistics statistics() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace clipdex::engine

#include "engine/collection.h"

#include <stdexcept>
#include <system_error>
#include <utility>

#include "engine/collection_ingest.h"
#include "engine/collection_parts.h"
#include "engine/collection_search.h"
#include "engine/collection_settings.h"
#include "engine/collection_writer.h"
#include "engine/crash_point.h"
#include "engine/durable_files.h"
#include "engine/errors.h"
#include "engine/index_recovery.h"
#include "engine/index_upkeep.h"
#include "engine/metadata.h"

namespace clipdex::engine {
namespace {

namespace fs = std::filesystem;

index::IndexOptions index_options(const CollectionParts& parts, const fs::path& directory) {
  index::IndexOptions options;
  options.dimension = parts.store->info().dimension;
  options.type = index::index_type_of(parts.settings.index_type).value_or(index::IndexType::kAuto);
  options.directory = directory;
  options.fingerprint = parts.store->info().model_fingerprint;
  options.seal_rows = parts.resources.tuning.seal_rows;
  options.approximate_rows_min = parts.resources.tuning.approximate_rows_min;
  options.memory_bytes_max = parts.resources.tuning.memory_max;
  options.build_threads = parts.resources.tuning.threads;
  options.accelerator = parts.resources.accelerator;
  options.on_durable_step = crash_point;
  return options;
}

storage::StoreOptions store_options() {
  storage::StoreOptions options;
  options.on_durable_step = crash_point;
  return options;
}

}  // namespace

struct Collection::Impl {
  // Throws ConflictError if the store belongs to another model.
  void check_model() const {
    const auto& info = parts.store->info();
    const auto& model = parts.resources.encoder->info();
    if (info.model_fingerprint == model.fingerprint) return;
    throw ConflictError("the collection \"" + parts.name + "\" was made with the model \"" + info.model_name + "\" (fingerprint " +
                        info.model_fingerprint + "), and the model here is \"" + model.name + "\" (" + model.fingerprint +
                        "): start clipdex with --model naming the first one, or make a new collection and ingest the images again");
  }

  void write(const Change& change) {
    writer->write(change);
    upkeep->notice();
  }

  CollectionParts parts;
  std::unique_ptr<CollectionWriter> writer;
  std::unique_ptr<IndexUpkeep> upkeep;  // last: its thread uses the others
};

void Collection::create(const fs::path& directory, const CollectionSettings& settings, const ClipEncoder& encoder) {
  check_settings(settings);
  if (fs::exists(directory)) throw ConflictError(directory.string() + " exists already");
  try {
    fs::create_directories(directory / "index");
  } catch (const fs::filesystem_error& error) {
    fail_as_disk("cannot make " + directory.string(), error);
  }
  storage::ImageStore::create(directory / "store", {.model_fingerprint = encoder.info().fingerprint,
                                                    .model_name = encoder.info().name,
                                                    .dimension = static_cast<std::uint32_t>(encoder.dimension()),
                                                    .settings = encode_settings(settings),
                                                    .created_ms = now_ms()});
}

Collection::Collection(std::string name, const fs::path& directory, const CollectionResources& resources)
    : impl_(std::make_unique<Impl>()) {
  auto& parts = impl_->parts;
  parts.name = std::move(name);
  parts.resources = resources;
  parts.store = storage::ImageStore::open(directory / "store", store_options());
  impl_->check_model();
  parts.settings = decode_settings(parts.store->info().settings);
  auto opened = open_index(*parts.store, index_options(parts, directory / "index"));
  parts.index = std::move(opened.index);
  impl_->writer = std::make_unique<CollectionWriter>(*parts.store, *parts.index, *resources.metrics);
  impl_->upkeep = std::make_unique<IndexUpkeep>(parts.name, *parts.store, *parts.index, *impl_->writer, parts.resources.building,
                                                opened.checkpoint_sequence);
}

Collection::~Collection() = default;

const std::string& Collection::name() const { return impl_->parts.name; }

std::vector<IngestResult> Collection::ingest(std::span<const IngestItem> items) {
  IngestRequest request(impl_->parts, items);
  request.prepare();
  const auto change = request.change();
  if (!change.ids.empty()) impl_->write(change);
  return std::move(request).results();
}

std::vector<IngestResult> Collection::import_vectors(std::span<const VectorItem> items) {
  std::vector<IngestResult> results;
  const auto change = import_change(impl_->parts, items, results);
  if (!change.ids.empty()) impl_->write(change);
  return results;
}

SearchResult Collection::search(const SearchRequest& request) const {
  auto outcome = std::move(search_many(std::span(&request, 1)).front());
  if (outcome.error) std::rethrow_exception(outcome.error);
  return std::move(outcome.result);
}

std::vector<SearchOutcome> Collection::search_many(std::span<const SearchRequest> requests) const {
  return search_collection(impl_->parts, *impl_->writer, requests);
}

std::optional<ImageRecord> Collection::get(std::string_view id) const { return impl_->parts.store->find(id); }

std::optional<std::string> Collection::content(std::string_view id, ContentSize size) const {
  const auto& store = *impl_->parts.store;
  return read_of_image(store, id,
                       [&](std::uint64_t row) { return size == ContentSize::kThumbnail ? store.thumbnail(row) : store.original(row); });
}

ImagePage Collection::list(std::string_view after_id, std::size_t limit) const {
  // One more tells whether there is another page.
  ImagePage page{.images = impl_->parts.store->list(after_id, limit + 1), .next_after_id = ""};
  if (page.images.size() > limit) {
    page.images.resize(limit);
    page.next_after_id = page.images.back().id;
  }
  return page;
}

bool Collection::remove(std::string_view id) {
  bool found = false;
  Change change{.ids = {std::string(id)}, .bytes = 0, .decide = nullptr};
  change.decide = [&] {
    storage::WriteRequest request;
    found = impl_->parts.store->find(id).has_value();
    if (found) request.deleted_ids.emplace_back(id);
    return request;
  };
  impl_->write(change);
  return found;
}

std::optional<ImageRecord> Collection::patch_metadata(std::string_view id, std::string_view patch) {
  std::optional<ImageRecord> record;
  Change change{.ids = {std::string(id)}, .bytes = patch.size(), .decide = nullptr};
  change.decide = [&] {
    storage::WriteRequest request;
    record = impl_->parts.store->find(id);
    if (!record) return request;
    record->metadata = merged_metadata(record->metadata, patch);
    record->updated_ms = now_ms();
    request.changed.push_back(*record);
    return request;
  };
  impl_->write(change);
  return record;
}

void Collection::for_each_image(const std::function<void(const ImageRecord& record, std::span<const float> embedding)>& visit) const {
  impl_->parts.store->for_each_record(visit, "", /*with_embeddings=*/true);
}

CollectionStatistics Collection::statistics() const {
  const auto& parts = impl_->parts;
  const auto& info = parts.store->info();
  const auto index = parts.index->snapshot()->statistics();
  std::map<std::string, std::uint64_t> types;
  for (const auto& segment : index.segment_details) types[std::string(index::name_of(segment.type))] += segment.rows;
  return {.name = parts.name,
          .images = parts.store->count(),
          .dimension = info.dimension,
          .model_name = info.model_name,
          .model_fingerprint = info.model_fingerprint,
          .settings = parts.settings,
          .created_ms = info.created_ms,
          .disk_bytes = parts.store->disk_bytes(),
          .index_memory_bytes = index.memory_bytes,
          .index_deleted = index.deleted,
          .index_buffered = index.buffered,
          .index_segments = index.segments,
          .index_types = std::move(types),
          .index_device_bytes = index.device_bytes,
          .index_mapped_bytes = index.mapped_bytes,
          .index_explanation = index.explanation};
}

std::uint64_t Collection::copy_to(const fs::path& directory) const {
  return impl_->upkeep->with_files_held([&] {
    std::error_code ignored;
    try {
      fs::create_directories(directory / "index");
      for (const auto& file : impl_->parts.index->files()) fs::create_hard_link(file, directory / "index" / file.filename());
      crash_point("snapshot: linked");
      return impl_->parts.store->checkpoint(directory / "store");
    } catch (const fs::filesystem_error& error) {
      fs::remove_all(directory, ignored);
      const std::string what = "the snapshot of \"" + name() + "\" cannot be made in " + directory.string();
      if (error.code() == std::errc::cross_device_link) {
        throw std::invalid_argument(what + ": " + error.code().message() +
                                    ". It shares files with the data directory: choose a place on the same file system");
      }
      fail_as_disk(what, error);
    } catch (...) {
      fs::remove_all(directory, ignored);
      throw;
    }
  });
}

bool Collection::finish_upkeep(const std::function<bool()>& give_up) const { return impl_->upkeep->finish(give_up); }

}  // namespace clipdex::engine

#include "engine/collection.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <mutex>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "engine/collection_settings.h"
#include "engine/errors.h"
#include "engine/identifiers.h"
#include "engine/image_preparation.h"
#include "engine/metadata.h"
#include "index/vector_index.h"
#include "storage/image_store.h"

namespace clipdex::engine {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

double ms_since(Clock::time_point start) { return std::chrono::duration<double, std::milli>(Clock::now() - start).count(); }

// An item on its way through an ingest request.
struct Candidate {
  const IngestItem* item = nullptr;
  IngestResult* result = nullptr;
  std::string id, hash;
  std::optional<std::string> metadata;  // normalised
  bool needs_encoding = false;
  PreparedImage prepared;
};

void fail(IngestResult& result, std::string code, std::string message) {
  result.status = IngestStatus::kFailed;
  result.error_code = std::move(code);
  result.error = std::move(message);
}

// Checks what can be checked without the store. False: the result says why.
bool examine(const IngestItem& item, IngestResult& result, Candidate& candidate) {
  result.source = item.source;
  candidate.item = &item;
  candidate.result = &result;
  try {
    if (item.id) check_image_id(*item.id);
  } catch (const std::invalid_argument& error) {
    fail(result, "invalid_id", error.what());
    return false;
  }
  if (item.id) result.id = *item.id;
  try {
    if (item.metadata) candidate.metadata = normalized_metadata(*item.metadata);
  } catch (const std::invalid_argument& error) {
    fail(result, "invalid_metadata", error.what());
    return false;
  }
  candidate.hash = content_hash(item.bytes);
  candidate.id = item.id ? *item.id : candidate.hash;
  return true;
}

std::vector<float> unit_vector(const std::vector<float>& values, std::size_t dimension) {
  if (values.size() != dimension) {
    throw std::invalid_argument("the vector has " + std::to_string(values.size()) + " numbers, and " + std::to_string(dimension) +
                                " is the collection's dimension");
  }
  double sum = 0;
  for (const float value : values) sum += static_cast<double>(value) * value;
  const double length = std::sqrt(sum);
  if (!std::isfinite(length)) throw std::invalid_argument("the vector has numbers that are not finite");
  if (length == 0) throw std::invalid_argument("the vector is zero: it points nowhere");
  std::vector<float> unit(values.size());
  std::transform(values.begin(), values.end(), unit.begin(), [length](float value) { return static_cast<float>(value / length); });
  return unit;
}

}  // namespace

struct Collection::Impl {
  void rebuild_index() {
    constexpr std::size_t kRowsPerStep = 4096;
    std::vector<std::uint64_t> rows;
    std::vector<float> vectors;
    const auto flush = [&] {
      index->apply(rows, vectors, {});
      rows.clear();
      vectors.clear();
    };
    store->for_each_embedding([&](std::uint64_t row, std::span<const float> embedding) {
      rows.push_back(row);
      vectors.insert(vectors.end(), embedding.begin(), embedding.end());
      if (rows.size() == kRowsPerStep) flush();
    });
    if (!rows.empty()) flush();
  }

  // Of known content under any id: everything but the encoding. The row may be deleted meanwhile; then the image is encoded after all.
  bool reuse(Candidate& candidate) const {
    const auto row = store->row_of_content(candidate.hash);
    if (!row) return false;
    const auto record = store->get(*row);
    auto embedding = store->embedding(*row);
    auto thumbnail = settings.store == StoredContent::kNone ? std::string() : store->thumbnail(*row);
    if (!record || !embedding || !thumbnail) return false;
    candidate.prepared = {.width = record->width,
                          .height = record->height,
                          .format = record->format,
                          .thumbnail = std::move(*thumbnail),
                          .embedding = std::move(*embedding)};
    return true;
  }

  void encode(std::vector<Candidate>& candidates) const {
    std::vector<const std::string*> files;
    std::vector<Candidate*> waiting;
    std::map<std::string_view, Candidate*> first_of_content;
    std::vector<std::pair<Candidate*, Candidate*>> copies;
    for (auto& candidate : candidates) {
      if (!candidate.needs_encoding) continue;
      const auto [first, is_new] = first_of_content.try_emplace(candidate.hash, &candidate);
      if (!is_new) {
        copies.emplace_back(&candidate, first->second);
        continue;
      }
      files.push_back(&candidate.item->bytes);
      waiting.push_back(&candidate);
    }
    auto prepared = preparation->prepare(files, /*thumbnails=*/settings.store != StoredContent::kNone);
    for (std::size_t i = 0; i < waiting.size(); ++i) waiting[i]->prepared = std::move(prepared[i]);
    for (auto& [copy, original] : copies) copy->prepared = original->prepared;
  }

  storage::NewImage new_image(const Candidate& candidate, const std::optional<ImageRecord>& old) const {
    const auto now = now_ms();
    const auto& prepared = candidate.prepared;
    storage::NewImage image;
    image.record = {.id = candidate.id,
                    .content_hash = candidate.hash,
                    .width = prepared.width,
                    .height = prepared.height,
                    .format = prepared.format,
                    .bytes = candidate.item->bytes.size(),
                    .source = candidate.item->source,
                    .created_ms = old ? old->created_ms : now,
                    .updated_ms = now,
                    .metadata = candidate.metadata ? *candidate.metadata
                                : old              ? old->metadata
                                                   : "{}"};
    image.embedding = prepared.embedding;
    if (settings.store != StoredContent::kNone) image.thumbnail = prepared.thumbnail;
    if (settings.store == StoredContent::kOriginal) image.original = candidate.item->bytes;
    return image;
  }

  // Decides each candidate's fate against the store as it is now, and makes all of it durable and visible at once.
  void commit(std::vector<Candidate>& candidates) {
    storage::WriteRequest request;
    const std::lock_guard lock(write_mutex);
    for (auto& candidate : candidates) {
      auto& result = *candidate.result;
      if (!candidate.prepared.error.empty()) {
        fail(result, candidate.prepared.error_code, candidate.prepared.error);
        continue;
      }
      result.id = candidate.id;
      const auto old = store->find(candidate.id);
      if (old && old->content_hash == candidate.hash) {
        const bool changes = candidate.metadata && *candidate.metadata != old->metadata;
        result.status = changes ? IngestStatus::kUpdated : IngestStatus::kUnchanged;
        if (!changes) continue;
        auto changed = *old;
        changed.metadata = *candidate.metadata;
        changed.updated_ms = now_ms();
        request.changed.push_back(std::move(changed));
        continue;
      }
      if (candidate.prepared.embedding.empty()) {
        // It was unchanged when the request began, and another request has replaced or deleted it since.
        fail(result, "conflict", "another request changed this image at the same time: send it again");
        continue;
      }
      result.status = old ? IngestStatus::kUpdated : IngestStatus::kCreated;
      request.images.push_back(new_image(candidate, old));
    }
    write(std::move(request));
  }

  // Under write_mutex, so that rows reach the index in their order.
  void write(storage::WriteRequest request) {
    if (request.images.empty() && request.deleted_ids.empty() && request.changed.empty()) return;
    std::vector<float> vectors;
    vectors.reserve(request.images.size() * encoder->dimension());
    for (const auto& image : request.images) vectors.insert(vectors.end(), image.embedding.begin(), image.embedding.end());
    const auto written = store->write(std::move(request));
    index->apply(written.rows, vectors, written.removed_rows);
  }

  // What `read` finds at the row of the image. A replacement may take the row away before it is read: then the image's new row is tried.
  template <typename Read>
  auto of_image(std::string_view id, const Read& read) const -> decltype(read(std::uint64_t{})) {
    auto record = store->find(id);
    while (record) {
      auto found = read(record->row);
      if (found) return found;
      auto now = store->find(id);
      if (now && now->row == record->row) break;
      record = std::move(now);
    }
    return std::nullopt;
  }

  std::vector<float> query_vector(const SearchRequest& request) const {
    if (const auto* query = std::get_if<TextQuery>(&request.query)) {
      const std::vector<std::string> texts = {query->text};
      return encoder->encode_texts(texts).values;
    }
    if (const auto* query = std::get_if<ImageQuery>(&request.query)) {
      return preparation->embed(query->bytes);
    }
    if (const auto* query = std::get_if<IdQuery>(&request.query)) {
      auto embedding = of_image(query->id, [this](std::uint64_t row) { return store->embedding(row); });
      if (!embedding) throw UnknownImageError("there is no image \"" + query->id + "\" in the collection \"" + name + "\"");
      return *embedding;
    }
    return unit_vector(std::get<VectorQuery>(request.query).values, encoder->dimension());
  }

  // The hits as the index has them now. False if the store has lost some of their rows since.
  bool find_hits(std::span<const float> query, const SearchRequest& request, std::vector<SearchHit>& found) const {
    index::SearchOptions options{.limit = request.limit + request.offset, .exact = request.exact};
    if (request.min_score) options.min_score = *request.min_score;
    auto hits = index->snapshot()->search(query, 1, options).at(0);
    hits.erase(hits.begin(), hits.begin() + static_cast<std::ptrdiff_t>(std::min(request.offset, hits.size())));
    std::vector<std::uint64_t> rows;
    for (const auto& hit : hits) rows.push_back(hit.row);
    auto records = store->get_many(rows);
    found.clear();
    for (std::size_t i = 0; i < hits.size(); ++i) {
      if (!records[i]) continue;
      SearchHit hit{.record = std::move(*records[i]), .score = hits[i].score, .vector = {}};
      if (request.include_vector) hit.vector = store->embedding(hits[i].row).value_or(std::vector<float>{});
      found.push_back(std::move(hit));
    }
    return found.size() == hits.size();
  }

  std::string name;
  std::shared_ptr<const ClipEncoder> encoder;
  std::shared_ptr<const ImagePreparation> preparation;
  CollectionSettings settings;
  std::unique_ptr<storage::ImageStore> store;
  std::unique_ptr<index::VectorIndex> index;
  std::mutex write_mutex;
};

void Collection::create(const fs::path& directory, const CollectionSettings& settings, const ClipEncoder& encoder) {
  check_settings(settings);
  if (fs::exists(directory)) throw ConflictError(directory.string() + " exists already");
  try {
    fs::create_directories(directory / "index");
  } catch (const fs::filesystem_error& error) {
    const std::string message = "cannot make " + directory.string() + ": " + error.code().message();
    if (error.code() == std::errc::no_space_on_device) throw DiskFullError(message + ". Free some space");
    throw std::runtime_error(message);
  }
  storage::ImageStore::create(directory / "store", {.model_fingerprint = encoder.info().fingerprint,
                                                    .model_name = encoder.info().name,
                                                    .dimension = static_cast<std::uint32_t>(encoder.dimension()),
                                                    .settings = encode_settings(settings),
                                                    .created_ms = now_ms()});
}

Collection::Collection(std::string name, const fs::path& directory, std::shared_ptr<const ClipEncoder> encoder,
                       std::shared_ptr<const ImagePreparation> preparation)
    : impl_(std::make_unique<Impl>()) {
  impl_->name = std::move(name);
  impl_->encoder = std::move(encoder);
  impl_->preparation = std::move(preparation);
  impl_->store = storage::ImageStore::open(directory / "store");
  const auto& info = impl_->store->info();
  const auto& model = impl_->encoder->info();
  if (info.model_fingerprint != model.fingerprint) {
    throw ConflictError("the collection \"" + impl_->name + "\" was made with the model \"" + info.model_name + "\" (fingerprint " +
                        info.model_fingerprint + "), and the model here is \"" + model.name + "\" (" + model.fingerprint +
                        "): start clipdex with --model naming the first one, or make a new collection and ingest the images again");
  }
  impl_->settings = decode_settings(info.settings);
  impl_->index = std::make_unique<index::VectorIndex>(index::IndexOptions{.dimension = info.dimension});
  impl_->rebuild_index();
}

Collection::~Collection() = default;

const std::string& Collection::name() const { return impl_->name; }

std::vector<IngestResult> Collection::ingest(std::span<const IngestItem> items) {
  std::vector<IngestResult> results(items.size());
  std::vector<Candidate> candidates;
  candidates.reserve(items.size());
  // By id, the request's first item with it: a second one with the same bytes changes nothing, with others it contradicts.
  std::map<std::string, std::size_t> firsts;                // -> its candidate
  std::vector<std::pair<std::size_t, std::size_t>> copies;  // item -> its first one's candidate
  for (std::size_t i = 0; i < items.size(); ++i) {
    Candidate candidate;
    if (!examine(items[i], results[i], candidate)) continue;
    const auto [first, is_new] = firsts.try_emplace(candidate.id, candidates.size());
    if (is_new) {
      const auto old = impl_->store->find(candidate.id);
      candidate.needs_encoding = !(old && old->content_hash == candidate.hash) && !impl_->reuse(candidate);
      candidates.push_back(std::move(candidate));
      continue;
    }
    const auto& original = candidates[first->second];
    if (original.hash != candidate.hash || original.metadata != candidate.metadata) {
      fail(results[i], "duplicate_id",
           "the id \"" + candidate.id + "\" is there twice in this request, with different pictures or metadata");
      continue;
    }
    results[i].id = candidate.id;
    results[i].status = IngestStatus::kUnchanged;
    copies.emplace_back(i, first->second);
  }
  impl_->encode(candidates);
  impl_->commit(candidates);
  for (const auto& [item, candidate] : copies) {
    const auto& original = *candidates[candidate].result;
    if (original.status == IngestStatus::kFailed) fail(results[item], original.error_code, original.error);
  }
  return results;
}

SearchResult Collection::search(const SearchRequest& request) const {
  const auto start = Clock::now();
  if (request.limit < 1 || request.limit > kSearchLimitMax)
    throw std::invalid_argument("limit is " + std::to_string(request.limit) + ", and 1 to 1000 is possible");
  if (request.offset > kSearchWindowMax - request.limit)
    throw std::invalid_argument("offset + limit is over 10000: narrow the query instead");
  const auto query = impl_->query_vector(request);
  SearchResult result;
  result.encode_ms = ms_since(start);
  const auto searching = Clock::now();
  // A row that the store no longer has belongs to a write that is about to publish what came in its place: that is short, and waited for.
  constexpr int kAttempts = 3;
  for (int attempt = 1; !impl_->find_hits(query, request, result.hits) && attempt < kAttempts; ++attempt) {
    const std::lock_guard until_published(impl_->write_mutex);
  }
  result.search_ms = ms_since(searching);
  result.total_ms = ms_since(start);
  return result;
}

std::optional<ImageRecord> Collection::get(std::string_view id) const { return impl_->store->find(id); }

std::optional<std::string> Collection::content(std::string_view id, ContentSize size) const {
  return impl_->of_image(
      id, [&](std::uint64_t row) { return size == ContentSize::kThumbnail ? impl_->store->thumbnail(row) : impl_->store->original(row); });
}

ImagePage Collection::list(std::string_view after_id, std::size_t limit) const {
  // One more tells whether there is another page.
  ImagePage page{.images = impl_->store->list(after_id, limit + 1), .next_after_id = ""};
  if (page.images.size() > limit) {
    page.images.resize(limit);
    page.next_after_id = page.images.back().id;
  }
  return page;
}

bool Collection::remove(std::string_view id) {
  const std::lock_guard lock(impl_->write_mutex);
  if (!impl_->store->find(id)) return false;
  impl_->write({.deleted_ids = {std::string(id)}});
  return true;
}

std::optional<ImageRecord> Collection::patch_metadata(std::string_view id, std::string_view patch) {
  const std::lock_guard lock(impl_->write_mutex);
  auto record = impl_->store->find(id);
  if (!record) return std::nullopt;
  record->metadata = merged_metadata(record->metadata, patch);
  record->updated_ms = now_ms();
  impl_->write({.changed = {*record}});
  return record;
}

CollectionStatistics Collection::statistics() const {
  const auto& info = impl_->store->info();
  const auto index = impl_->index->snapshot()->statistics();
  return {.name = impl_->name,
          .images = impl_->store->count(),
          .dimension = info.dimension,
          .model_name = info.model_name,
          .model_fingerprint = info.model_fingerprint,
          .settings = impl_->settings,
          .created_ms = info.created_ms,
          .disk_bytes = impl_->store->disk_bytes(),
          .index_memory_bytes = index.memory_bytes,
          .index_deleted = index.deleted,
          .index_buffered = index.buffered,
          .index_segments = index.segments};
}

}  // namespace clipdex::engine

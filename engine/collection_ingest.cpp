#include "engine/collection_ingest.h"

#include <algorithm>
#include <map>
#include <set>
#include <stdexcept>

#include "engine/collection_search.h"
#include "engine/identifiers.h"
#include "engine/metadata.h"

namespace clipdex::engine {
namespace {

void fail(IngestResult& result, std::string code, std::string message) {
  result.status = IngestStatus::kFailed;
  result.error_code = std::move(code);
  result.error = std::move(message);
}

std::string_view bytes_of(const std::vector<float>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)};
}

std::string long_source(const std::string& source) {
  return "the source has " + std::to_string(source.size()) + " bytes, and " + std::to_string(kSourceBytesMax) + " are possible";
}

}  // namespace

// Checks what can be checked without the store. False: the result says why.
bool IngestRequest::examine(const IngestItem& item, IngestResult& result, Candidate& candidate) {
  result.source = item.source.substr(0, kSourceBytesMax);
  candidate.item = &item;
  candidate.result = &result;
  try {
    if (item.id) check_image_id(*item.id);
  } catch (const std::invalid_argument& error) {
    fail(result, "invalid_id", error.what());
    return false;
  }
  if (item.id) result.id = *item.id;
  if (item.source.size() > kSourceBytesMax) {
    fail(result, "invalid_source", long_source(item.source));
    return false;
  }
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

IngestRequest::IngestRequest(const CollectionParts& parts, std::span<const IngestItem> items)
    : parts_(parts), items_(items), results_(items.size()) {
  candidates_.reserve(items.size());
  // By id, the request's first item with it: a second one with the same bytes changes nothing, with others it contradicts.
  std::map<std::string, std::size_t> firsts;  // -> its candidate
  for (std::size_t i = 0; i < items.size(); ++i) {
    Candidate candidate;
    if (!examine(items[i], results_[i], candidate)) continue;
    const auto [first, is_new] = firsts.try_emplace(candidate.id, candidates_.size());
    if (is_new) {
      candidates_.push_back(std::move(candidate));
      continue;
    }
    const auto& original = candidates_[first->second];
    if (original.hash != candidate.hash || original.metadata != candidate.metadata) {
      fail(results_[i], "duplicate_id",
           "the id \"" + candidate.id + "\" is there twice in this request, with different pictures or metadata");
      continue;
    }
    results_[i].id = candidate.id;
    results_[i].status = IngestStatus::kUnchanged;
    copies_.emplace_back(i, first->second);
  }
}

void IngestRequest::look_up() {
  std::vector<std::string> ids;
  ids.reserve(candidates_.size());
  for (const auto& candidate : candidates_) ids.push_back(candidate.id);
  const auto known = parts_.store->find_many(ids);
  for (std::size_t i = 0; i < candidates_.size(); ++i) {
    auto& candidate = candidates_[i];
    candidate.needs_encoding = !(known[i] && known[i]->content_hash == candidate.hash) && !reuse(candidate);
  }
}

// Of known content under any id: everything but the encoding. The row may be deleted meanwhile; then the image is encoded after all.
bool IngestRequest::reuse(Candidate& candidate) const {
  const auto row = parts_.store->row_of_content(candidate.hash);
  if (!row) return false;
  const auto record = parts_.store->get(*row);
  auto embedding = parts_.store->embedding(*row);
  auto thumbnail = parts_.settings.store == StoredContent::kNone ? std::string() : parts_.store->thumbnail(*row);
  if (!record || !embedding || !thumbnail) return false;
  candidate.prepared = {.width = record->width,
                        .height = record->height,
                        .format = record->format,
                        .thumbnail = std::move(*thumbnail),
                        .embedding = std::move(*embedding)};
  return true;
}

void IngestRequest::prepare() {
  look_up();
  std::vector<const std::string*> files;
  std::vector<Candidate*> waiting;
  std::map<std::string_view, Candidate*> first_of_content;
  std::vector<std::pair<Candidate*, Candidate*>> copies;
  for (auto& candidate : candidates_) {
    if (!candidate.needs_encoding) continue;
    const auto [first, is_new] = first_of_content.try_emplace(candidate.hash, &candidate);
    if (!is_new) {
      copies.emplace_back(&candidate, first->second);
      continue;
    }
    files.push_back(&candidate.item->bytes);
    waiting.push_back(&candidate);
  }
  auto prepared = parts_.resources.preparation->prepare(files, /*thumbnails=*/parts_.settings.store != StoredContent::kNone);
  for (std::size_t i = 0; i < waiting.size(); ++i) waiting[i]->prepared = std::move(prepared[i]);
  for (auto& [copy, original] : copies) copy->prepared = original->prepared;
}

Change IngestRequest::change() {
  Change change;
  for (const auto& candidate : candidates_) {
    change.ids.push_back(candidate.id);
    change.bytes += candidate.prepared.thumbnail.size() + candidate.prepared.embedding.size() * sizeof(float);
    if (parts_.settings.store == StoredContent::kOriginal) change.bytes += candidate.item->bytes.size();
  }
  change.decide = [this] { return decide(); };
  return change;
}

storage::WriteRequest IngestRequest::decide() {
  storage::WriteRequest request;
  std::vector<std::string> ids;
  ids.reserve(candidates_.size());
  for (const auto& candidate : candidates_) ids.push_back(candidate.id);
  const auto old = parts_.store->find_many(ids);
  for (std::size_t i = 0; i < candidates_.size(); ++i) decide_one(candidates_[i], old[i], request);
  return request;
}

void IngestRequest::decide_one(Candidate& candidate, const std::optional<ImageRecord>& old, storage::WriteRequest& request) const {
  auto& result = *candidate.result;
  if (!candidate.prepared.error.empty()) return fail(result, candidate.prepared.error_code, candidate.prepared.error);
  result.id = candidate.id;
  if (old && old->content_hash == candidate.hash) {
    const bool changes = candidate.metadata && *candidate.metadata != old->metadata;
    result.status = changes ? IngestStatus::kUpdated : IngestStatus::kUnchanged;
    if (!changes) return;
    auto changed = *old;
    changed.metadata = *candidate.metadata;
    changed.updated_ms = now_ms();
    request.changed.push_back(std::move(changed));
    return;
  }
  if (candidate.prepared.embedding.empty()) {
    // It was unchanged when the request began, and another request has replaced or deleted it since.
    return fail(result, "conflict", "another request changed this image at the same time: send it again");
  }
  result.status = old ? IngestStatus::kUpdated : IngestStatus::kCreated;
  request.images.push_back(new_image(candidate, old));
}

storage::NewImage IngestRequest::new_image(const Candidate& candidate, const std::optional<ImageRecord>& old) const {
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
  if (parts_.settings.store != StoredContent::kNone) image.thumbnail = prepared.thumbnail;
  if (parts_.settings.store == StoredContent::kOriginal) image.original = candidate.item->bytes;
  return image;
}

std::vector<IngestResult> IngestRequest::results() && {
  for (const auto& [item, candidate] : copies_) {
    const auto& original = *candidates_[candidate].result;
    if (original.status == IngestStatus::kFailed) fail(results_[item], original.error_code, original.error);
  }
  return std::move(results_);
}

Change import_change(const CollectionParts& parts, std::span<const VectorItem> items, std::vector<IngestResult>& results) {
  const std::size_t dimension = parts.resources.encoder->dimension();
  results.assign(items.size(), {});
  storage::WriteRequest request;
  std::set<std::string_view> ids;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const auto& item = items[i];
    check_image_id(item.id);
    if (item.source.size() > kSourceBytesMax) throw std::invalid_argument(long_source(item.source));
    if (!ids.insert(item.id).second) throw std::invalid_argument("the id \"" + item.id + "\" is there twice");
    storage::NewImage image;
    const auto now = now_ms();
    image.embedding = unit_vector(item.embedding, dimension);
    image.record = {.id = item.id,
                    // No bytes are known: what is the same is the vector.
                    .content_hash = content_hash(bytes_of(item.embedding)),
                    .format = "vector",
                    .source = item.source,
                    .created_ms = now,
                    .updated_ms = now,
                    .metadata = normalized_metadata(item.metadata)};
    results[i].id = item.id;
    results[i].source = item.source;
    request.images.push_back(std::move(image));
  }
  Change change;
  for (const auto& item : items) change.ids.push_back(item.id);
  change.bytes = items.size() * dimension * sizeof(float);
  change.decide = [&parts, &results, ids = change.ids, request = std::move(request)]() mutable {
    const auto old = parts.store->find_many(ids);
    for (std::size_t i = 0; i < ids.size(); ++i) {
      results[i].status = old[i] ? IngestStatus::kUpdated : IngestStatus::kCreated;
      if (old[i]) request.images[i].record.created_ms = old[i]->created_ms;
    }
    return std::move(request);
  };
  return change;
}

}  // namespace clipdex::engine

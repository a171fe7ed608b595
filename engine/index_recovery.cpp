#include "engine/index_recovery.h"

#include <spdlog/spdlog.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "engine/errors.h"

namespace clipdex::engine {
namespace {

constexpr std::size_t kRowsPerStep = 4096;
constexpr std::size_t kRowsPerPart = 65'536;

// The live rows from `first` to `last` with their vectors, some thousand at a time.
template <typename Visit>
void for_each_step(const storage::ImageStore& store, std::uint64_t first, std::uint64_t last, const Visit& visit) {
  std::vector<std::uint64_t> rows;
  std::vector<float> vectors;
  const auto flush = [&] {
    if (!rows.empty()) visit(rows, vectors);
    rows.clear();
    vectors.clear();
  };
  store.for_each_embedding(
      [&](std::uint64_t row, std::span<const float> embedding) {
        rows.push_back(row);
        vectors.insert(vectors.end(), embedding.begin(), embedding.end());
        if (rows.size() == kRowsPerStep) flush();
      },
      first, last);
  flush();
}

// In parts: a segment may be larger than what there is of memory besides.
void restore(const storage::ImageStore& store, index::VectorIndex& index, index::RowRange range) {
  std::vector<std::uint64_t> rows;
  std::vector<float> vectors;
  const auto hand_back = [&](std::uint64_t last) {
    index.restore({range.first, last}, rows, vectors);
    range.first = last + 1;
    rows.clear();
    vectors.clear();
  };
  for_each_step(store, range.first, range.last, [&](const auto& some_rows, const auto& some_vectors) {
    rows.insert(rows.end(), some_rows.begin(), some_rows.end());
    vectors.insert(vectors.end(), some_vectors.begin(), some_vectors.end());
    if (rows.size() >= kRowsPerPart && rows.back() < range.last) hand_back(rows.back());
  });
  hand_back(range.last);
}

std::string manifest_of(const storage::ImageStore& store) {
  try {
    return store.index_manifest().value_or(std::string());
  } catch (const CorruptionError& error) {
    spdlog::warn("{}: the whole index is built again", error.what());
    return {};
  }
}

}  // namespace

void catch_up(const storage::ImageStore& store, index::VectorIndex& index) {
  const auto applied = index.applied();
  const auto sequence = store.last_sequence();
  // The sequence last: what breaks off before is done again.
  if (applied.next_row > 0) {  // else there are no rows that anything could be removed from
    std::vector<std::uint64_t> removed;
    store.for_each_operation_after(applied.sequence, [&](const storage::Operation& operation) {
      removed.insert(removed.end(), operation.removed_rows.begin(), operation.removed_rows.end());
    });
    if (!removed.empty()) index.apply({}, {}, removed, applied.sequence);
  }
  for_each_step(store, applied.next_row, UINT64_MAX,
                [&](const auto& rows, const auto& vectors) { index.apply(rows, vectors, {}, applied.sequence); });
  index.apply({}, {}, {}, sequence);
}

OpenedIndex open_index(const storage::ImageStore& store, const index::IndexOptions& options) {
  index::OpenReport report;
  auto index = index::VectorIndex::open(options, manifest_of(store), report);
  for (const auto& problem : report.problems) spdlog::warn("{}", problem);
  if (report.newest_sequence > store.last_sequence()) {
    throw CorruptionError("the store has operations up to number " + std::to_string(store.last_sequence()) + ", and the index in " +
                          options.directory.string() + " has seen number " + std::to_string(report.newest_sequence) +
                          ": the store has lost what came between. Restore a snapshot, or, to accept the loss, remove that index directory "
                          "(it is made again from the store)");
  }
  for (const auto& range : report.missing) {
    spdlog::warn("rows {} to {} are read from the store: their index file is made again in the background", range.first, range.last);
    restore(store, *index, range);
  }
  catch_up(store, *index);
  return {.index = std::move(index), .checkpoint_sequence = report.sequence};
}

}  // namespace clipdex::engine

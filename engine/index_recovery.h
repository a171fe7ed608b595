// The index of a collection as its store says it should be. Private to engine/.
#pragma once

#include <cstdint>
#include <memory>

#include "index/vector_index.h"
#include "storage/image_store.h"

namespace clipdex::engine {

// Opens the index's files that the last checkpoint names and adds what has changed since: the work follows the operations since the
// checkpoint, not the size of the collection. Rows of damaged or missing files are read from the store and searched exactly until the
// background has written them again; each problem is logged. Throws CorruptionError, with the remedy, if the files have seen operations
// that the store has lost.
struct OpenedIndex {
  std::unique_ptr<index::VectorIndex> index;
  std::uint64_t checkpoint_sequence = 0;  // of the checkpoint that it was opened from
};
OpenedIndex open_index(const storage::ImageStore& store, const index::IndexOptions& options);

// Applies what the store has and the index has not heard of. Belongs to the index's one writer. If it throws, it may be called again.
void catch_up(const storage::ImageStore& store, index::VectorIndex& index);

}  // namespace clipdex::engine

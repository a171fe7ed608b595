// The index of a collection as its store says it should be. Private to engine/.
#pragma once

#include <memory>

#include "index/vector_index.h"
#include "storage/image_store.h"

namespace clipdex::engine {

// Opens the index's files that the last checkpoint names and adds what has changed since: the work follows the operations since the checkpoint,
// not the size of the collection. Rows of damaged or missing files are read from the store and searched exactly until the background has
// written them again; each problem is logged. Throws CorruptionError, with the remedy, if the files have seen operations that the store has
// lost.
std::unique_ptr<index::VectorIndex> open_index(const storage::ImageStore& store, const index::IndexOptions& options);

}  // namespace clipdex::engine

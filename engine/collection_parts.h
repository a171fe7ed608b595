// What the parts of one collection share. Private to engine/.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "engine/collection.h"
#include "engine/image_preparation.h"
#include "engine/query_encoder.h"
#include "index/vector_index.h"
#include "storage/image_store.h"

namespace clipdex::engine {

inline std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

inline double ms_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

// Set once when the collection opens; each part says what threads may do with it.
struct CollectionParts {
  std::string name;
  CollectionSettings settings;
  CollectionResources resources;
  std::unique_ptr<storage::ImageStore> store;
  std::unique_ptr<index::VectorIndex> index;
};

// What `read` finds at the row of the image. A replacement may take the row away before it is read: then the image's new row is tried.
template <typename Read>
auto read_of_image(const storage::ImageStore& store, std::string_view id, const Read& read) -> decltype(read(std::uint64_t{})) {
  auto record = store.find(id);
  while (record) {
    auto found = read(record->row);
    if (found) return found;
    auto now = store.find(id);
    if (now && now->row == record->row) break;
    record = std::move(now);
  }
  return std::nullopt;
}

}  // namespace clipdex::engine

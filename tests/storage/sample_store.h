// A small store with known contents, for tests.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "storage/image_store.h"

namespace clipdex::tests {

inline const storage::StoreInfo kInfo{
    .model_fingerprint = "f00d", .model_name = "tiny", .dimension = 3, .settings = R"({"store":"thumbnail"})", .created_ms = 17};

// `content` stands for the hash of the bytes.
inline storage::NewImage image(const std::string& id, const std::string& content, float first = 1) {
  storage::NewImage made;
  made.record = {.id = id,
                 .content_hash = content + std::string(32 - content.size(), '0'),
                 .width = 4,
                 .height = 5,
                 .format = "png",
                 .bytes = 6,
                 .source = "a/" + id,
                 .created_ms = 7,
                 .updated_ms = 8,
                 .metadata = R"({"k":"v"})"};
  made.embedding = {first, 2, 3};
  made.thumbnail = "thumbnail of " + id + std::string(2000, 't');
  return made;
}

// Images a, b and c; a and c have the same content.
inline std::unique_ptr<storage::ImageStore> filled(const std::filesystem::path& directory) {
  auto store = storage::ImageStore::create(directory, kInfo);
  store->write({.images = {image("a", "1"), image("b", "2"), image("c", "1")}});
  return store;
}

}  // namespace clipdex::tests

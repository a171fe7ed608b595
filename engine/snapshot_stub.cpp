#include <stdexcept>

#include "engine/engine.h"

namespace clipdex::engine {

SnapshotInfo Engine::create_snapshot(const std::filesystem::path& /*directory*/) {
  throw std::runtime_error("snapshots are not built yet");
}

SnapshotInfo restore_snapshot(const std::filesystem::path& /*snapshot*/, const std::filesystem::path& /*data_directory*/) {
  throw std::runtime_error("snapshots are not built yet");
}

// An image's embedding is what a search for the image itself finds first.
void Collection::for_each_image(const std::function<void(const ImageRecord&, std::span<const float>)>& visit) const {
  constexpr std::size_t kPage = 500;
  std::string after;
  do {
    const auto page = list(after, kPage);
    for (const auto& record : page.images) {
      const auto found = search({.query = IdQuery{record.id}, .limit = 1, .min_score = {}, .exact = true, .include_vector = true});
      visit(record, found.hits.at(0).vector);
    }
    after = page.next_after_id;
  } while (!after.empty());
}

}  // namespace clipdex::engine

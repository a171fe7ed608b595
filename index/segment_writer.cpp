#include <algorithm>
#include <cerrno>
#include <ostream>
#include <system_error>

#include "index/durable_file.h"
#include "index/growing_buffer.h"
#include "index/segment_file.h"
#include "index/segment_layout.h"

namespace clipdex::index {
namespace {

std::uint64_t live_rows(const SegmentRecipe& recipe) {
  std::uint64_t live = 0;
  for (const auto& source : recipe.sources) live += source.live();
  return live;
}

// Calls visit(first, count) for the longest runs of live rows, of at most kRunMax.
template <typename Visit>
void for_each_live_run(const SegmentView& view, const Visit& visit) {
  constexpr std::size_t kRunMax = 4096;
  const auto dead = [&](std::size_t i) { return view.deleted && view.deleted->contains(i); };
  for (std::size_t first = 0; first < view.rows();) {
    if (dead(first)) {
      ++first;
      continue;
    }
    std::size_t last = first + 1;
    while (last < view.rows() && last - first < kRunMax && !dead(last)) ++last;
    visit(first, last - first);
    first = last;
  }
}

// False: it was stopped.
bool write_rows_and_vectors(NewFile& file, const SegmentRecipe& recipe, const std::stop_token& stop) {
  file.write(std::as_bytes(std::span(kSegmentHeader)));
  for (const auto& source : recipe.sources) {
    for_each_live_run(source,
                      [&](std::size_t first, std::size_t n) { file.write(std::as_bytes(source.segment->rows().subspan(first, n))); });
  }
  file.align(kSegmentAlignment);
  for (const auto& source : recipe.sources) {
    for_each_live_run(source, [&](std::size_t first, std::size_t n) {
      if (stop.stop_requested()) return;
      file.write(std::as_bytes(std::span(source.segment->vectors() + first * recipe.dimension, n * recipe.dimension)));
    });
  }
  file.align(kSegmentAlignment);
  return !stop.stop_requested();
}

std::unique_ptr<const Approximation> build(const SegmentRecipe& recipe, const float* vectors, std::size_t n, const std::stop_token& stop) {
  return build_approximation(name_of(recipe.type), {.vectors = vectors,
                                                    .n = n,
                                                    .dimension = recipe.dimension,
                                                    .threads = recipe.build_threads,
                                                    .stop = stop,
                                                    .thresholds = recipe.thresholds});
}

// Behind the vectors, which it reads back from the file. False: it was stopped.
bool write_approximation(NewFile& file, const SegmentRecipe& recipe, std::size_t n, std::string& parameters, const std::stop_token& stop) {
  file.flush();
  const MappedFile map(file.temporary());
  const auto* vectors = reinterpret_cast<const float*>(map.bytes().data() + SegmentLayout(n, recipe.dimension).vectors);
  const auto approximation = build(recipe, vectors, n, stop);
  if (!approximation) return false;
  parameters = approximation->parameters();
  NewFileBuffer buffer(file);
  std::ostream stream(&buffer);
  stream.exceptions(std::ios::badbit);  // lets the disk's error through
  approximation->write(stream);
  return true;
}

RowRange live_range(const SegmentRecipe& recipe) {
  RowRange range{UINT64_MAX, 0};
  for (const auto& source : recipe.sources) {
    for_each_live_run(source, [&](std::size_t first, std::size_t n) {
      range.first = std::min(range.first, source.segment->rows()[first]);
      range.last = source.segment->rows()[first + n - 1];
    });
  }
  return range;
}

// Both files under their temporary names, read back.
std::shared_ptr<const SealedSegment> verified(const NewFile& segment, const NewFile& sidecar, const SegmentRecipe& recipe,
                                              const SegmentTarget& target) {
  std::string problem;
  std::shared_ptr<const SealedSegment> opened;
  try {
    opened = open_segment({.segment = segment.temporary(),
                           .sidecar = sidecar.temporary(),
                           .number = target.number,
                           .dimension = recipe.dimension,
                           .fingerprint = target.fingerprint,
                           .checksum = segment.checksum(),
                           .thresholds = recipe.thresholds},
                          problem);
  } catch (const BadSegmentError& error) {
    problem = error.what();
  }
  if (!problem.empty()) throw std::system_error(EIO, std::generic_category(), "what was written does not read back (" + problem + ")");
  return opened;
}

// Gives both their names and makes that durable.
void publish(NewFile& segment, NewFile& sidecar, const SegmentTarget& target) {
  try {
    segment.publish();
    target.step("segment renamed");
    sidecar.publish();
    target.step("sidecar renamed");
    sync_directory(target.directory);
    target.step("directory synced");
  } catch (...) {
    std::error_code ignored;
    std::filesystem::remove(sidecar_path(target.directory, target.number), ignored);
    std::filesystem::remove(segment_path(target.directory, target.number), ignored);
    throw;
  }
}

}  // namespace

std::shared_ptr<const SealedSegment> write_segment(const SegmentRecipe& recipe, const SegmentTarget& target, const std::stop_token& stop) {
  const std::uint64_t n = live_rows(recipe);
  NewFile segment(segment_path(target.directory, target.number));
  segment.reserve(SegmentLayout(n, recipe.dimension).approximation);
  if (!write_rows_and_vectors(segment, recipe, stop)) return nullptr;
  std::string parameters = "{}";
  if (recipe.type != IndexType::kFlat && !write_approximation(segment, recipe, n, parameters, stop)) return nullptr;
  target.step("segment written");
  segment.sync();
  target.step("segment synced");

  const auto text = format_sidecar({.number = target.number,
                                    .range = live_range(recipe),
                                    .sequences = recipe.sequences,
                                    .rows = n,
                                    .dimension = recipe.dimension,
                                    .fingerprint = target.fingerprint,
                                    .type = recipe.type,
                                    .build = parameters,
                                    .file_bytes = segment.size(),
                                    .checksum = segment.checksum()});
  NewFile sidecar(sidecar_path(target.directory, target.number));
  sidecar.write(std::as_bytes(std::span(text)));
  sidecar.sync();
  target.step("sidecar synced");
  auto result = verified(segment, sidecar, recipe, target);
  target.step("segment verified");
  publish(segment, sidecar, target);
  return result;
}

std::shared_ptr<const SealedSegment> make_segment(const SegmentRecipe& recipe, const std::stop_token& stop) {
  const std::uint64_t n = live_rows(recipe);
  const auto memory = std::make_shared<GrowingBuffer>(n, recipe.dimension);
  std::size_t done = 0;
  for (const auto& source : recipe.sources) {
    for_each_live_run(source, [&](std::size_t first, std::size_t count) {
      const std::span vectors(source.segment->vectors() + first * recipe.dimension, count * recipe.dimension);
      memory->append(done, source.segment->rows().subspan(first, count), vectors);
      done += count;
    });
  }
  std::unique_ptr<const Approximation> approximation;
  if (recipe.type != IndexType::kFlat) {
    approximation = build(recipe, memory->vectors(), n, stop);
    if (!approximation) return nullptr;
  }
  return std::make_shared<SealedSegment>(SegmentParts{.memory = memory,
                                                      .rows = memory->rows(n),
                                                      .vectors = memory->vectors(),
                                                      .dimension = recipe.dimension,
                                                      .approximation = std::move(approximation),
                                                      .sequences = recipe.sequences});
}

}  // namespace clipdex::index

// Recovery: checkpoints, what open() finds, and which files are removed when.
#include <algorithm>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "index/durable_file.h"
#include "index/index_state.h"
#include "index/manifest.h"
#include "index/segment_file.h"

namespace clipdex::index {
namespace {

Manifest readable_manifest(std::string_view bytes, OpenReport& report) {
  if (bytes.empty()) return {};
  try {
    return parse_manifest(bytes);
  } catch (const std::runtime_error& error) {
    report.problems.push_back(std::string("the index's manifest is damaged, so the whole index is built again: ") + error.what());
    return {};
  }
}

// Nothing, and a problem, if its files are missing or bad.
std::optional<SegmentView> open_listed(const ManifestSegment& entry, const IndexOptions& options, std::vector<std::string>& problems) {
  const auto file = segment_path(options.directory, entry.number);
  std::string problem;
  SegmentView view;
  try {
    view.segment = open_segment({.segment = file,
                                 .sidecar = sidecar_path(options.directory, entry.number),
                                 .number = entry.number,
                                 .dimension = options.dimension,
                                 .fingerprint = options.fingerprint,
                                 .checksum = entry.checksum,
                                 .thresholds = options.scan_thresholds},
                                problem);
    const auto rows = view.segment->rows();
    if (rows.size() != entry.rows || rows.front() != entry.range.first || rows.back() != entry.range.last) {
      throw BadSegmentError(file.string() + ": its rows are not the manifest's");
    }
  } catch (const BadSegmentError& error) {
    problems.emplace_back(error.what());
    return std::nullopt;
  }
  if (!problem.empty()) problems.push_back(problem);
  if (entry.deleted.count > 0) view.deleted = std::make_shared<const Tombstones>(entry.deleted);
  return view;
}

}  // namespace

void VectorIndex::Impl::look_around(OpenReport& report) {
  for (const auto& entry : std::filesystem::directory_iterator(options.directory)) {
    const auto name = parse_segment_file_name(entry.path().filename().string());
    if (!name) continue;
    next_file = std::max(next_file, name->number + 1);
    if (name->sidecar) {
      try {
        report.newest_sequence = std::max(report.newest_sequence, read_sidecar(entry.path()).sequences.last);
      } catch (const std::runtime_error&) {  // NOLINT(bugprone-empty-catch): if the manifest names it, it has been reported
      }
    }
    if (name->temporary || !on_disk.contains(name->number)) left_over.push_back(entry.path());
  }
}

std::unique_ptr<VectorIndex> VectorIndex::open(const IndexOptions& options, std::string_view manifest_bytes, OpenReport& report) {
  report = {};
  if (options.directory.empty()) throw std::invalid_argument("an index without a directory cannot be opened");
  auto impl = std::make_unique<Impl>(options);
  std::filesystem::create_directories(options.directory);
  const Manifest manifest = readable_manifest(manifest_bytes, report);
  for (const auto& entry : manifest.segments) {
    auto view = entry.number == 0 ? std::nullopt : open_listed(entry, options, report.problems);
    if (!view) {
      report.missing.push_back(entry.range);
      continue;
    }
    impl->state.segments.push_back(std::move(*view));
    impl->on_disk.insert(entry.number);
  }
  report.sequence = report.newest_sequence = manifest.sequence;
  report.next_row = manifest.next_row;
  impl->durable = impl->on_disk;
  impl->durable_manifest = manifest_bytes;
  impl->missing = report.missing;
  impl->next_row = manifest.next_row;
  impl->last_sequence = manifest.sequence;
  impl->next_file = manifest.next_file;
  impl->look_around(report);
  impl->publish();
  return std::unique_ptr<VectorIndex>(new VectorIndex(std::move(impl)));
}

std::optional<Checkpoint> VectorIndex::checkpoint() {
  if (impl_->options.directory.empty()) return std::nullopt;
  impl_->step("checkpoint begun");
  const std::lock_guard lock(impl_->mutex);
  Manifest manifest{.sequence = impl_->last_sequence, .next_row = impl_->next_row, .next_file = impl_->next_file};
  auto& segments = manifest.segments;
  for (const auto& view : impl_->state.segments) {
    const auto& parts = view.segment->parts();
    segments.push_back({.number = parts.file_number, .range = {parts.rows.front(), parts.rows.back()}});
    if (!view.segment->on_disk()) continue;
    segments.back().rows = view.rows();
    segments.back().checksum = parts.checksum;
    if (view.deleted) segments.back().deleted = *view.deleted;
  }
  for (const auto& range : impl_->missing) segments.push_back({.range = range});
  std::sort(segments.begin(), segments.end(), [](const auto& a, const auto& b) { return a.range.first < b.range.first; });

  // What has no files is added again from the first such row on, or restored where there are files behind it.
  if (impl_->state.buffered > 0) manifest.next_row = impl_->buffer->rows(1).front();
  while (!segments.empty() && segments.back().number == 0) {
    manifest.next_row = segments.back().range.first;
    segments.pop_back();
  }
  Checkpoint checkpoint{.manifest = format_manifest(manifest), .sequence = manifest.sequence, .next_row = manifest.next_row};
  if (checkpoint.manifest == impl_->durable_manifest) return std::nullopt;
  for (const auto& segment : segments) {
    if (segment.number != 0) checkpoint.segments.push_back(segment.number);
  }
  std::sort(checkpoint.segments.begin(), checkpoint.segments.end());
  impl_->pending.insert(checkpoint.segments.begin(), checkpoint.segments.end());
  return checkpoint;
}

void VectorIndex::checkpointed(const Checkpoint& checkpoint) {
  impl_->step("checkpoint stored");
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->durable = {checkpoint.segments.begin(), checkpoint.segments.end()};
    impl_->durable_manifest = checkpoint.manifest;
    impl_->pending.clear();
  }
  impl_->remove_unneeded();
}

void VectorIndex::Impl::remove_unneeded() {
  std::vector<std::filesystem::path> files;
  {
    const std::lock_guard lock(mutex);
    files.swap(left_over);
    std::set<std::uint64_t> needed = durable;
    needed.insert(pending.begin(), pending.end());
    for (const auto& view : state.segments) needed.insert(view.segment->parts().file_number);
    std::erase_if(on_disk, [&](std::uint64_t number) {
      if (needed.contains(number)) return false;
      files.push_back(sidecar_path(options.directory, number));
      files.push_back(segment_path(options.directory, number));
      return true;
    });
  }
  for (; !files.empty(); files.pop_back()) {
    std::error_code ignored;  // what cannot be removed is found again by the next open()
    std::filesystem::remove(files.back(), ignored);
    try {
      step("file removed");
    } catch (...) {
      const std::lock_guard lock(mutex);
      left_over.insert(left_over.end(), files.begin(), files.end());
      throw;
    }
  }
}

std::vector<std::filesystem::path> VectorIndex::files() const {
  const std::lock_guard lock(impl_->mutex);
  std::vector<std::filesystem::path> files;
  for (const auto number : impl_->durable) {
    files.push_back(segment_path(impl_->options.directory, number));
    files.push_back(sidecar_path(impl_->options.directory, number));
  }
  return files;
}

}  // namespace clipdex::index

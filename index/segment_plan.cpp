#include "index/segment_plan.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "index/approximation.h"

namespace clipdex::index {
namespace {

// Below this tier (1/64 of a buffer) all segments are alike.
constexpr int kTierMin = -3;

std::uint64_t live(const PlannedSegment& segment) { return segment.rows - segment.deleted; }

// A segment that has lost some of its rows (a quarter of a step of the logarithm: about 30 %) keeps its tier.
int tier_of(std::uint64_t rows, const PlanOptions& options) {
  if (rows == 0) return kTierMin;
  const double ratio = static_cast<double>(rows) / static_cast<double>(options.seal_rows);
  return std::max(kTierMin, static_cast<int>(std::floor(std::log(ratio) / std::log(static_cast<double>(kFanOut)) + 0.25)));
}

struct Run {
  std::size_t first = 0, count = 0;
  std::uint64_t rows = 0;
};

// Segments that still wait to be written are no part of anything else: they are written meanwhile, each in its own place.
bool is_ready(const PlannedSegment& segment, const PlanOptions& options) { return segment.on_disk || !options.on_disk; }

// Adds the neighbours of `run` on both sides that are of no higher tier than `tier`.
Run extended(Run run, int tier, std::span<const PlannedSegment> segments, const PlanOptions& options) {
  const auto fits = [&](std::size_t i) { return is_ready(segments[i], options) && tier_of(live(segments[i]), options) <= tier; };
  while (run.first > 0 && fits(run.first - 1)) run = {run.first - 1, run.count + 1, run.rows + live(segments[run.first - 1])};
  while (run.first + run.count < segments.size() && fits(run.first + run.count)) {
    run.rows += live(segments[run.first + run.count]);
    ++run.count;
  }
  return run;
}

// Whether segments of no higher tier than `tier` are to be merged: kFanOut of them are of it, or there are more than kFanOut - 1 for each
// tier up to it, so that some tier has kFanOut of them, wherever they are.
bool is_full(std::size_t of_tier, std::size_t all, int tier) {
  return of_tier >= kFanOut || all > (kFanOut - 1) * static_cast<std::size_t>(tier - kTierMin + 1);
}

std::size_t count_of_tier(const Run& run, int tier, std::span<const PlannedSegment> segments, const PlanOptions& options) {
  const auto in_run = segments.subspan(run.first, run.count);
  return static_cast<std::size_t>(
      std::count_if(in_run.begin(), in_run.end(), [&](const auto& segment) { return tier_of(live(segment), options) == tier; }));
}

// The first run of a tier that is full, the lowest tier first.
std::optional<Run> full_run(std::span<const PlannedSegment> segments, const PlanOptions& options) {
  int highest = kTierMin;
  for (const auto& segment : segments) highest = std::max(highest, tier_of(live(segment), options));
  for (int tier = kTierMin; tier <= highest; ++tier) {
    for (std::size_t first = 0; first < segments.size();) {
      const Run run = extended({first, 0, 0}, tier, segments, options);
      if (is_full(count_of_tier(run, tier, segments, options), run.count, tier)) return run;
      first += run.count + 1;
    }
  }
  return std::nullopt;
}

std::optional<Run> due_merge(std::span<const PlannedSegment> segments, const PlanOptions& options) {
  auto run = full_run(segments, options);
  while (run) {
    // Would the result be merged again at once? Then all of it is one merge.
    const int tier = tier_of(run->rows, options);
    const Run next = extended(*run, tier, segments, options);
    const std::size_t of_tier = count_of_tier(next, tier, segments, options) - count_of_tier(*run, tier, segments, options);
    if (next.count == run->count || !is_full(of_tier + 1, next.count - run->count + 1, tier)) break;
    run = next;
  }
  return run;
}

// One approximation is searched more quickly than several, and takes as long to build: all flat segments beside it become part of it.
PlannedStep with_flat_neighbours(PlannedStep build, std::span<const PlannedSegment> segments, std::uint64_t total,
                                 const PlanOptions& options) {
  const auto fits = [&](std::size_t i) { return is_ready(segments[i], options) && segments[i].type == IndexType::kFlat; };
  if (!fits(build.first)) return build;
  while (build.first > 0 && fits(build.first - 1)) build = {build.first - 1, build.count + 1, build.type};
  while (build.first + build.count < segments.size() && fits(build.first + build.count)) ++build.count;
  std::uint64_t rows = 0;
  for (const auto& segment : segments.subspan(build.first, build.count)) rows += live(segment);
  build.type = type_for(rows, total, options);
  return build;
}

std::uint64_t bytes_with_graph(std::uint64_t rows, const PlanOptions& options) {
  return rows * options.dimension * sizeof(float) + expected_memory_bytes(kHnsw, rows, options.dimension);
}

std::string mib(std::uint64_t bytes) { return std::to_string(bytes >> 20) + " MiB"; }

}  // namespace

IndexType type_for(std::uint64_t rows, std::uint64_t rows_total, const PlanOptions& options) {
  if (rows < options.approximate_rows_min || options.type == IndexType::kFlat) return IndexType::kFlat;
  if (options.type != IndexType::kAuto) return options.type;
  if (rows_total < options.auto_rows_min || rows_total <= options.device_rows_max) return IndexType::kFlat;
  return bytes_with_graph(rows_total, options) <= options.memory_bytes_max ? IndexType::kHnsw : IndexType::kIvfPq;
}

std::string explain_type(std::uint64_t rows_total, const PlanOptions& options) {
  const auto type = type_for(rows_total, rows_total, options);
  const std::string rows = std::to_string(rows_total) + " rows";
  const std::string limit = std::to_string(options.type == IndexType::kAuto ? options.auto_rows_min : options.approximate_rows_min);
  if (options.type == IndexType::kFlat) return "flat: the collection is to be searched exactly";
  if (type == IndexType::kFlat && rows_total <= options.device_rows_max && rows_total >= options.auto_rows_min)
    return "flat: the GPU has room for " + rows + ", and searches their vectors";
  if (type == IndexType::kFlat) return "flat: " + rows + " are scanned quickly; from " + limit + " on there is an approximation";
  if (options.type != IndexType::kAuto) {
    return std::string(name_of(type)) + ": the collection's type, for segments of " + limit + " rows or more";
  }
  const std::string needs = rows + " with their graph take " + mib(bytes_with_graph(rows_total, options));
  const std::string budget = mib(options.memory_bytes_max) + " that may be used";
  if (type == IndexType::kHnsw) return "hnsw: over " + limit + " rows a graph is quicker than a scan, and " + needs + " of the " + budget;
  return "ivf_pq: " + needs + ", more than the " + budget;
}

std::optional<PlannedStep> next_write(std::span<const PlannedSegment> segments, const PlanOptions& options) {
  if (!options.on_disk) return std::nullopt;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    if (!segments[i].on_disk) return PlannedStep{i, 1, IndexType::kFlat};
  }
  return std::nullopt;
}

std::optional<PlannedStep> next_rebuild(std::span<const PlannedSegment> segments, std::uint64_t buffered, const PlanOptions& options) {
  std::uint64_t total = buffered;
  for (const auto& segment : segments) total += live(segment);
  for (std::size_t i = 0; i < segments.size(); ++i) {
    if (live(segments[i]) == 0 && is_ready(segments[i], options)) return PlannedStep{i, 1, IndexType::kFlat};
  }
  if (const auto run = due_merge(segments, options)) {
    const auto merged = segments.subspan(run->first, run->count);
    const bool flat = std::all_of(merged.begin(), merged.end(), [](const auto& s) { return s.type == IndexType::kFlat; });
    return PlannedStep{run->first, run->count, flat ? IndexType::kFlat : type_for(run->rows, total, options)};
  }
  std::optional<PlannedStep> build;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const auto& segment = segments[i];
    if (!is_ready(segment, options)) continue;
    const auto type = type_for(live(segment), total, options);
    if (static_cast<double>(segment.deleted) > kDeadShare * static_cast<double>(segment.rows)) return PlannedStep{i, 1, type};
    // What auto once chose stays until the segment is merged or rebuilt.
    const bool wrong = segment.type == IndexType::kFlat || options.type != IndexType::kAuto;
    if (wrong && segment.type != type && !build) build = PlannedStep{i, 1, type};
  }
  return build && build->type != IndexType::kFlat ? with_flat_neighbours(*build, segments, total, options) : build;
}

}  // namespace clipdex::index

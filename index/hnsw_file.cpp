// What HnswGraph::write() writes, little-endian: FileHeader; the highest level of each vector, a byte each; their links on level 0, int32
// [n, 2 * links]; their links on the levels above, int32 [sum of levels, links], vector by vector from level 1 up; the
// copies, two uint32 each: a vector that is linked, and one that equals it and is not. -1 ends a short list.
#include <algorithm>
#include <cstring>
#include <numeric>
#include <ostream>
#include <stdexcept>

#include "index/byte_arrays.h"
#include "index/hnsw_graph.h"

namespace clipdex::index {
namespace {

constexpr std::uint32_t kVersion = 1;
constexpr std::uint32_t kMostLinks = 256;
constexpr std::uint8_t kMostLevels = 64;

struct FileHeader {
  std::uint32_t version = kVersion;
  std::uint32_t links = 0;
  std::uint32_t candidates = 0;
  std::uint32_t entry = 0;
  std::uint64_t n = 0;
  std::uint64_t copies = 0;
};

[[noreturn]] void refuse(const std::string& why) { throw std::runtime_error("these bytes are no HNSW graph of this segment: " + why); }

}  // namespace

void HnswGraph::write(std::ostream& out) const {
  const FileHeader header{
      .links = parameters_.links, .candidates = parameters_.candidates, .entry = entry_, .n = n_, .copies = copies_.size()};
  write_bytes(out, &header, 1);
  write_bytes(out, levels_);
  write_bytes(out, level_0_);
  write_bytes(out, upper_);
  write_bytes(out, copies_);
}

std::unique_ptr<const HnswGraph> HnswGraph::read(std::span<const std::byte> bytes, std::size_t n, const ScanThresholds& thresholds) {
  FileHeader header;
  if (bytes.size() < sizeof header) refuse("they are too few");
  std::memcpy(&header, bytes.data(), sizeof header);
  bytes = bytes.subspan(sizeof header);
  if (header.version != kVersion)
    refuse("their format is " + std::to_string(header.version) + ", and this program reads " + std::to_string(kVersion));
  if (header.n != n || n == 0) refuse("it has " + std::to_string(header.n) + " vectors, and the segment has " + std::to_string(n));
  if (header.links == 0 || header.links > kMostLinks) refuse("a vector has " + std::to_string(header.links) + " links");
  if (header.entry >= n) refuse("it starts at a vector that is not there");
  const std::size_t row_bytes = 1 + 2 * std::size_t{header.links} * sizeof(std::int32_t);
  if (bytes.size() / row_bytes < n) refuse("they are too few");

  std::unique_ptr<HnswGraph> graph(new HnswGraph);
  graph->parameters_ = {.links = header.links, .candidates = header.candidates};
  graph->walk_cost_ = thresholds.hnsw_walk_cost;
  graph->n_ = n;
  graph->entry_ = header.entry;
  graph->levels_ = take_values<std::uint8_t>(bytes, n);
  const auto upper = std::accumulate(graph->levels_.begin(), graph->levels_.end(), std::uint64_t{0});
  graph->level_0_ = take_values<std::int32_t>(bytes, n * graph->width());
  if (header.copies >= n || bytes.size() != upper * header.links * sizeof(std::int32_t) + header.copies * sizeof(Copy))
    refuse("their number does not fit the levels");
  graph->upper_ = take_values<std::int32_t>(bytes, static_cast<std::size_t>(upper) * header.links);
  graph->copies_ = take_values<Copy>(bytes, static_cast<std::size_t>(header.copies));
  graph->index_upper_levels();
  graph->check_links();
  return graph;
}

void HnswGraph::check_links() const {
  const auto n = static_cast<std::int64_t>(n_);
  const auto level_of = [this](std::size_t node) { return levels_[node]; };
  const std::uint8_t top = level_of(entry_);
  bool good = top < kMostLevels;
  for (const auto& copy : copies_) good &= copy.node < n && copy.copy < n;
  good &= std::is_sorted(copies_.begin(), copies_.end(), [](const Copy& a, const Copy& b) { return a.node < b.node; });
  for (const auto link : level_0_) good &= link >= -1 && link < n;
  for (std::size_t node = 0; node < n_ && good; ++node) {
    good &= level_of(node) <= top;
    for (std::size_t level = 1; level <= level_of(node) && good; ++level) {
      const std::int32_t* list = links(node, level);
      for (std::size_t i = 0; i < parameters_.links; ++i)
        good &= list[i] >= -1 && list[i] < n && (list[i] < 0 || level_of(static_cast<std::size_t>(list[i])) >= level);
    }
  }
  if (!good) refuse("a link leads to where nothing is");
}

}  // namespace clipdex::index

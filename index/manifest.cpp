#include "index/manifest.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <span>
#include <stdexcept>

#include "index/durable_file.h"
#include "index/sidecar.h"

namespace clipdex::index {
namespace {

static_assert(std::endian::native == std::endian::little, "numbers are written as they are in memory");

constexpr std::uint64_t kMagic = 0x00'6d'78'70'6c'63'00'01;  // its lowest byte is the version
// Of a segment without tombstones: its number, the two ends of its range, its rows, its checksum and the size of its tombstones.
constexpr std::size_t kSegmentBytesMin = 6 * sizeof(std::uint64_t);

class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}
  std::uint64_t number() {
    std::uint64_t value = 0;
    const auto from = take(sizeof value);
    std::memcpy(&value, from.data(), sizeof value);
    return value;
  }
  std::string_view take(std::uint64_t n) {
    if (n > bytes_.size()) throw std::runtime_error("it ends too early");
    const auto taken = bytes_.substr(0, n);
    bytes_.remove_prefix(n);
    return taken;
  }
  std::size_t left() const { return bytes_.size(); }

 private:
  std::string_view bytes_;
};

void put(std::string& bytes, std::uint64_t value) { bytes.append(reinterpret_cast<const char*>(&value), sizeof value); }

std::uint64_t checksum_of(std::string_view bytes) { return checksum(std::as_bytes(std::span(bytes))); }

Tombstones read_tombstones(Reader& reader, std::uint64_t rows) {
  Tombstones deleted;
  const auto bytes = reader.take(reader.number());
  if (bytes.size() > rows / 8 + 1) throw std::runtime_error("a segment has more tombstones than rows");
  deleted.bits.assign(bytes.begin(), bytes.end());
  for (const auto byte : deleted.bits) deleted.count += static_cast<std::size_t>(std::popcount(byte));
  for (std::size_t i = rows; i < deleted.bits.size() * 8; ++i) {
    if (deleted.contains(i)) throw std::runtime_error("a segment has a tombstone behind its rows");
  }
  return deleted;
}

ManifestSegment read_segment(Reader& reader) {
  ManifestSegment segment;
  segment.number = reader.number();
  segment.range = {reader.number(), reader.number()};
  segment.rows = reader.number();
  segment.checksum = reader.number();
  segment.deleted = read_tombstones(reader, segment.rows);
  if (segment.range.last < segment.range.first || segment.range.last > kRowMax || segment.rows > kRowMax || segment.number > kRowMax) {
    throw std::runtime_error("a segment's rows or its number are impossible");
  }
  return segment;
}

}  // namespace

std::string format_manifest(const Manifest& manifest) {
  std::string bytes;
  put(bytes, kMagic);
  put(bytes, manifest.sequence);
  put(bytes, manifest.next_row);
  put(bytes, manifest.next_file);
  put(bytes, manifest.segments.size());
  for (const auto& segment : manifest.segments) {
    for (const auto value : {segment.number, segment.range.first, segment.range.last, segment.rows, segment.checksum}) put(bytes, value);
    put(bytes, segment.deleted.bits.size());
    bytes.append(segment.deleted.bits.begin(), segment.deleted.bits.end());
  }
  put(bytes, checksum_of(bytes));
  return bytes;
}

Manifest parse_manifest(std::string_view bytes) {
  if (bytes.size() < 6 * sizeof(std::uint64_t)) throw std::runtime_error("it is too short");
  const auto content = bytes.substr(0, bytes.size() - sizeof(std::uint64_t));
  Reader trailer(bytes.substr(content.size()));
  Reader reader(content);
  if (reader.number() != kMagic) throw std::runtime_error("it is no manifest, or of another version");
  if (trailer.number() != checksum_of(content)) throw std::runtime_error("its checksum is wrong");
  Manifest manifest{.sequence = reader.number(), .next_row = reader.number(), .next_file = reader.number()};
  const std::uint64_t n = reader.number();
  if (n > reader.left() / kSegmentBytesMin) throw std::runtime_error("it ends too early");
  if (manifest.next_row > kRowMax + 1 || manifest.next_file > kRowMax) throw std::runtime_error("its numbers are impossible");
  for (std::uint64_t i = 0, row = 0; i < n; ++i) {
    manifest.segments.push_back(read_segment(reader));
    const auto& range = manifest.segments.back().range;
    if (range.first < row || range.last >= manifest.next_row) throw std::runtime_error("its segments overlap");
    row = range.last + 1;
  }
  if (reader.left() != 0) throw std::runtime_error("it has bytes behind its end");
  return manifest;
}

}  // namespace clipdex::index

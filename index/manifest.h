// What an index consists of at a checkpoint, as bytes that the storage keeps. Private to index/.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "index/index_type.h"
#include "index/tombstones.h"

namespace clipdex::index {

struct ManifestSegment {
  std::uint64_t number = 0;  // of its files; 0: there are none, its rows are to be restored
  RowRange range;            // its first and its last row
  std::uint64_t rows = 0;
  std::uint64_t checksum = 0;  // of its segment file
  Tombstones deleted;
};

struct Manifest {
  std::uint64_t sequence = 0;
  std::uint64_t next_row = 0;
  std::uint64_t next_file = 1;            // numbers from here on have not been used
  std::vector<ManifestSegment> segments;  // in ascending order of rows, disjoint, below next_row
};

// Little endian; with a version in front and a checksum (XXH3) behind.
std::string format_manifest(const Manifest& manifest);
// Throws std::runtime_error, which says what is wrong, for anything but what format_manifest() of this version made.
Manifest parse_manifest(std::string_view bytes);

}  // namespace clipdex::index

// NNNNNN.json: what the segment file beside it holds, readable without FAISS and by people. Private to index/.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "index/index_type.h"
#include "index/sealed_segment.h"

namespace clipdex::index {

inline constexpr std::uint32_t kSegmentFormatVersion = 1;
inline constexpr std::size_t kDimensionMax = 65'536;
// Rows and sequences stay below this, so that the next one can be computed.
inline constexpr std::uint64_t kRowMax = UINT64_MAX / 2;

struct Sidecar {
  std::uint64_t number = 0;  // of the segment file
  RowRange range;            // its first and its last row
  SequenceRange sequences;
  std::uint64_t rows = 0;
  std::size_t dimension = 0;
  std::string fingerprint;
  IndexType type = IndexType::kFlat;
  std::string build = "{}";      // parameters of the approximation: a JSON object
  std::uint64_t file_bytes = 0;  // of the segment file
  std::uint64_t checksum = 0;    // of the segment file: XXH3, 64 bits
};

std::string format_sidecar(const Sidecar& sidecar);

// Throws std::runtime_error, which says what is wrong but names no file, for anything but what format_sidecar() of this version wrote: a
// sidecar has a checksum of its own.
Sidecar parse_sidecar(std::string_view text);
Sidecar read_sidecar(const std::filesystem::path& file);

}  // namespace clipdex::index

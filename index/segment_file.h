// NNNNNN.segment and its sidecar NNNNNN.json: a sealed segment on disk. Private to index/.
//
// The segment file: a header of 64 bytes ("clpxseg" and a zero byte, then 0), rows (uint64) in ascending order, vectors (float32,
// row-major), what Approximation::write() wrote, if anything. Each part begins at a multiple of 64 bytes; numbers are little endian. What
// is not computed from rows and dimension is in the sidecar.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "index/index_type.h"
#include "index/scan_thresholds.h"
#include "index/sealed_segment.h"
#include "index/sidecar.h"

namespace clipdex::index {

// 7 -> DIRECTORY/000007.segment, DIRECTORY/000007.json
std::filesystem::path segment_path(const std::filesystem::path& directory, std::uint64_t number);
std::filesystem::path sidecar_path(const std::filesystem::path& directory, std::uint64_t number);

struct SegmentFileName {
  std::uint64_t number = 0;
  bool sidecar = false;
  bool temporary = false;
};
// Nothing for names that are none of ours.
std::optional<SegmentFileName> parse_segment_file_name(std::string_view name);

// Why a segment cannot be used; what() is a sentence that names the file.
class BadSegmentError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct SegmentFiles {
  std::filesystem::path segment, sidecar;
  std::uint64_t number = 0;
  // What they must be of.
  std::size_t dimension = 0;
  std::string fingerprint;
  std::optional<std::uint64_t> checksum;  // of the segment file, if it is known
  ScanThresholds thresholds;              // of its approximation
};

// Maps the files after checking all of them: nothing of the segment file is used before its checksum was found right. An approximation
// that this version cannot read is left out (the segment is flat then) and `problem` says so. Throws BadSegmentError.
std::shared_ptr<const SealedSegment> open_segment(const SegmentFiles& files, std::string& problem);

// How a segment is made of others.
struct SegmentRecipe {
  std::vector<SegmentView> sources;  // in ascending order of rows; at least one live row
  std::size_t dimension = 0;
  IndexType type = IndexType::kFlat;  // not kAuto
  int build_threads = 1;
  ScanThresholds thresholds;
  SequenceRange sequences;
};

struct SegmentTarget {
  std::filesystem::path directory;
  std::uint64_t number = 0;
  std::string fingerprint;
  std::function<void(std::string_view)> step;
};

// Writes the live rows of the sources and opens the result, which is durable then. nullptr: it was stopped. Nothing is left behind unless
// a segment is returned. Throws DiskFullError, std::system_error.
std::shared_ptr<const SealedSegment> write_segment(const SegmentRecipe& recipe, const SegmentTarget& target, const std::stop_token& stop);

// The same in memory.
std::shared_ptr<const SealedSegment> make_segment(const SegmentRecipe& recipe, const std::stop_token& stop);

}  // namespace clipdex::index

// Search over one run of vectors of which a device has a copy. Private to index/.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <stop_token>
#include <vector>

#include "index/accelerator.h"
#include "index/scan.h"

namespace clipdex::index {

// Of a segment, made at one moment: its vectors, or their codes.
struct DeviceCopy {
  std::shared_ptr<const DeviceVectors> vectors;
  std::vector<std::uint32_t> positions;  // of its vectors in the segment, ascending; empty: it names positions of the segment itself
  std::size_t dead = 0;                  // of the segment's rows, and so not among them
  bool graph = false;                    // the vectors have one: searches that are not exact need no proof, though the segment is flat

  // Whether it is to be asked at all: no device knows of filters, nor are codes looked at harder than usual, or for exact searches.
  bool may_answer(const SearchOptions& options) const {
    return options.allowed == nullptr && (vectors->score_error().has_value() || (!options.exact && options.effort == 0));
  }
};

// Of a segment's live rows, a copy of the vectors or, the second, of the codes; nullptr as Accelerator::hold() says.
std::shared_ptr<const DeviceCopy> copy_to_device(const ScanInput& segment, Accelerator& accelerator, const std::stop_token& stop);
std::shared_ptr<const DeviceCopy> copy_to_device(const ScanInput& segment, const QuantizedLists& lists, Accelerator& accelerator,
                                                 const std::stop_token& stop);

// Rows that may have been deleted since a copy was made before it is to be made anew: as many more are asked of the device.
inline constexpr std::size_t kDeletedSinceMax = 1'200;

// Appends what scan() appends, but for some of the queries, whose numbers it returns: those have nothing yet. The device proposes more rows
// than are wanted, so many that deleted ones among them do not matter; they are scored with the exact vectors, and where the device's
// rounding leaves in doubt whether a row is missing, more rows are asked for. Without an answer are queries that remain in doubt then, and
// all of them where the device is of no use: rows are filtered, too many are deleted or wanted, it cannot do it. `prove` false: doubt is
// no reason, most of the best rows are enough, but `limit` of them if so many live.
std::vector<std::size_t> device_scan(const ScanInput& input, const DeviceCopy& device, std::span<const float> queries, std::size_t n,
                                     std::size_t limit, bool prove, std::vector<std::vector<Hit>>& hits);

}  // namespace clipdex::index

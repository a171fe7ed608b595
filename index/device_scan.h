// Search over one run of vectors of which a device has a copy. Private to index/.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "index/device_copy.h"
#include "index/scan.h"

namespace clipdex::index {

// Appends what scan() appends, but for some of the queries, whose numbers it returns: those have nothing yet. The device proposes more rows
// than are wanted, since some of them may be deleted; they are scored with the exact vectors, and where too few are left, or the device's
// rounding leaves in doubt whether a row is missing, more rows are asked for. Without an answer are queries that remain in doubt then, and
// all of them where the device is of no use: rows are filtered, too many are deleted or wanted, it cannot do it. `prove` false: doubt is
// no reason, most of the best rows are enough, but `limit` of them if so many live.
std::vector<std::size_t> device_scan(const ScanInput& input, const DeviceCopy& device, std::span<const float> queries, std::size_t n,
                                     std::size_t limit, bool prove, std::vector<std::vector<Hit>>& hits);

}  // namespace clipdex::index

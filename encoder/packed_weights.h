// Memory for the weights that kernels packed. Private to encoder/; no LibTorch here.
#pragma once

#include <cstddef>
#include <memory>

namespace clipdex::encoder {

// `bytes` of zeroed memory, aligned to a cache line, in the system's huge pages where it gives any: one query alone reads every weight
// once, and with pages of 4 KiB much of that time goes into finding them. Kernels that are made one after the other share pages, so that
// little is taken beyond the weights; the memory is given back when all that share it are gone. Throws std::bad_alloc. Any thread may call
// it.
std::shared_ptr<void> allocate_packed_weights(std::size_t bytes);

}  // namespace clipdex::encoder

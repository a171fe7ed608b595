// How much memory there is to plan with. Private to index/.
#pragma once

#include <cstddef>

namespace clipdex::index {

// Of the machine, or of the container (cgroup v2 or v1) if it may have less.
std::size_t machine_memory_bytes();

}  // namespace clipdex::index

#include "index/machine_memory.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>

namespace clipdex::index {

std::size_t machine_memory_bytes() {
  auto bytes = static_cast<std::size_t>(::sysconf(_SC_PHYS_PAGES)) * static_cast<std::size_t>(::sysconf(_SC_PAGE_SIZE));
  for (const char* name : {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
    std::ifstream file(name);
    std::size_t limit = 0;
    if (file >> limit) bytes = std::min(bytes, limit);  // "max" is not a number
  }
  return bytes;
}

}  // namespace clipdex::index

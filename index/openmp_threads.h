// How many threads the calling thread's OpenMP regions have. Private to index/.
#pragma once

#include <omp.h>

#include <algorithm>

namespace clipdex::index {

// For as long as it lives, and for this thread alone.
class OpenMpThreads {
 public:
  explicit OpenMpThreads(int threads) : before_(omp_get_max_threads()) { omp_set_num_threads(std::max(threads, 1)); }
  ~OpenMpThreads() { omp_set_num_threads(before_); }
  OpenMpThreads(const OpenMpThreads&) = delete;
  OpenMpThreads& operator=(const OpenMpThreads&) = delete;

 private:
  int before_;
};

}  // namespace clipdex::index

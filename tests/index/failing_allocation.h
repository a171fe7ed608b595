// An allocation that fails, for tests of what an exception leaves behind.
#pragma once

#include <cstdint>

namespace clipdex::tests {

// While it lives, of all allocations by operator new, on whatever thread, the one after the next `before` throws std::bad_alloc. One at a
// time.
class FailingAllocation {
 public:
  explicit FailingAllocation(std::int64_t before);
  ~FailingAllocation();
  FailingAllocation(const FailingAllocation&) = delete;
  FailingAllocation& operator=(const FailingAllocation&) = delete;

  // Whether there were so many.
  static bool has_failed();
};

}  // namespace clipdex::tests

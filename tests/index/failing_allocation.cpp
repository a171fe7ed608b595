#include "tests/index/failing_allocation.h"

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <limits>
#include <new>

namespace {

constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();
std::atomic<std::int64_t> allocations_left = kNever;

}  // namespace

namespace clipdex::tests {

FailingAllocation::FailingAllocation(std::int64_t before) { allocations_left = before; }
FailingAllocation::~FailingAllocation() { allocations_left = kNever; }
bool FailingAllocation::has_failed() { return allocations_left < 0; }

}  // namespace clipdex::tests

// The whole program's; the other forms call these.
void* operator new(std::size_t size) {
  if (allocations_left.load(std::memory_order_relaxed) != kNever && allocations_left-- == 0) throw std::bad_alloc();
  void* memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t /*size*/) noexcept { std::free(memory); }

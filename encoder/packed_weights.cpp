#include "encoder/packed_weights.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <mutex>
#include <new>

namespace clipdex::encoder {
namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;
constexpr std::size_t kSlab = 32 * kHugePage;

std::size_t rounded_up(std::size_t bytes, std::size_t unit) { return (bytes + unit - 1) / unit * unit; }

// Address space; what was never written takes no memory.
class Slab {
 public:
  explicit Slab(std::size_t size) : size_(size), mapped_(size + kHugePage) {
    memory_ = ::mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory_ == MAP_FAILED) throw std::bad_alloc();
    const auto address = reinterpret_cast<std::uintptr_t>(memory_);
    begin_ = static_cast<std::byte*>(memory_) + (rounded_up(address, kHugePage) - address);
    ::madvise(begin_, size_, MADV_HUGEPAGE);  // a wish; without it everything works as well
  }
  ~Slab() { ::munmap(memory_, mapped_); }
  Slab(const Slab&) = delete;
  Slab& operator=(const Slab&) = delete;

  // nullptr: no room.
  void* take(std::size_t bytes) {
    if (size_ - used_ < bytes) return nullptr;
    void* const taken = begin_ + used_;
    used_ += bytes;
    return taken;
  }

 private:
  std::size_t size_, mapped_, used_ = 0;
  void* memory_ = nullptr;
  std::byte* begin_ = nullptr;
};

}  // namespace

std::shared_ptr<void> allocate_packed_weights(std::size_t bytes) {
  constexpr std::size_t kCacheLine = 64;
  static std::mutex mutex;
  static std::weak_ptr<Slab> current;
  const std::size_t taken = rounded_up(std::max<std::size_t>(bytes, 1), kCacheLine);
  const std::lock_guard lock(mutex);
  auto slab = current.lock();
  void* memory = slab ? slab->take(taken) : nullptr;
  if (memory == nullptr) {
    slab = std::make_shared<Slab>(std::max(kSlab, rounded_up(taken, kHugePage)));
    memory = slab->take(taken);
    current = slab;
  }
  return {slab, memory};
}

}  // namespace clipdex::encoder

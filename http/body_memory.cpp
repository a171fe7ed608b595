#include "http/body_memory.h"

#include <algorithm>

namespace clipdex::http {
namespace {

constexpr std::size_t kUncountedBytes = std::size_t{64} << 10;
constexpr std::size_t kStepBytes = std::size_t{256} << 10;  // taken at once, so that the lock is rare

}  // namespace

std::size_t BodyMemory::bytes() const {
  const std::lock_guard lock(mutex_);
  return taken_;
}

bool BodyMemory::take(std::size_t bytes) {
  std::unique_lock lock(mutex_);
  if (!freed_.wait_for(lock, patience_, [&] { return taken_ + bytes <= bytes_max_; })) return false;
  taken_ += bytes;
  return true;
}

void BodyMemory::give_back(std::size_t bytes) {
  {
    const std::lock_guard lock(mutex_);
    taken_ -= bytes;
  }
  freed_.notify_all();
}

bool BodyMemory::Share::grow(std::size_t body_bytes) {
  if (body_bytes <= kUncountedBytes + taken_) return true;
  const auto missing = body_bytes - kUncountedBytes - taken_;
  const auto room = memory_.bytes_max_ - std::min(memory_.bytes_max_, taken_);
  const auto step = std::max(missing, std::min(kStepBytes, room));
  if (!memory_.take(step)) {
    release();
    return false;
  }
  taken_ += step;
  return true;
}

void BodyMemory::Share::release() {
  if (taken_ > 0) memory_.give_back(taken_);
  taken_ = 0;
}

}  // namespace clipdex::http

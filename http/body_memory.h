// How much of all requests' bodies is in memory at once. Private to http/.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>

namespace clipdex::http {

// Any thread may call it.
class BodyMemory {
 public:
  // patience: how long a request waits for others to end.
  BodyMemory(std::size_t bytes_max, std::chrono::milliseconds patience) : bytes_max_(bytes_max), patience_(patience) {}

  std::size_t bytes() const;

  // One request's part, given back when it goes. One thread at a time.
  class Share {
   public:
    explicit Share(BodyMemory& memory) : memory_(memory) {}
    ~Share() { release(); }
    Share(const Share&) = delete;
    Share& operator=(const Share&) = delete;

    // That the body has so many bytes by now; what is small is not counted, so that a search passes while pictures wait. Waits while the
    // memory is full; false if it stays full, and then all of the share is given back.
    bool grow(std::size_t body_bytes);
    void release();

   private:
    BodyMemory& memory_;
    std::size_t taken_ = 0;
  };

 private:
  bool take(std::size_t bytes);
  void give_back(std::size_t bytes);

  const std::size_t bytes_max_;
  const std::chrono::milliseconds patience_;
  mutable std::mutex mutex_;
  std::condition_variable freed_;
  std::size_t taken_ = 0;
};

}  // namespace clipdex::http

// Random numbers that are the same on every platform and for every number of threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace clipdex::demo {

// splitmix64's finaliser: every bit of the result depends on every bit of the argument.
constexpr std::uint64_t mix(std::uint64_t bits) {
  bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9;
  bits = (bits ^ (bits >> 27)) * 0x94d049bb133111eb;
  return bits ^ (bits >> 31);
}

// 64-bit FNV-1a.
constexpr std::uint64_t hash(std::string_view bytes) {
  std::uint64_t value = 0xcbf29ce484222325;
  for (const char byte : bytes) value = (value ^ static_cast<unsigned char>(byte)) * 0x100000001b3;
  return value;
}

// One sequence a picture: the n-th number is a function of seed, stream, picture and n alone. The standard's engines would do, its
// distributions would not: every library has its own. One thread at a time.
class Random {
 public:
  // stream: keeps the pictures of different sets apart where their seeds are equal.
  Random(std::uint64_t seed, std::string_view stream, std::uint64_t picture)
      : state_(mix(seed + kStep) ^ mix(hash(stream)) ^ mix(mix(picture * kStep + 1))) {}

  std::uint64_t next() { return mix(state_ += kStep); }
  // 0..n-1; n is 1..2^32-1.
  int below(int n) { return static_cast<int>(((next() >> 32) * static_cast<std::uint64_t>(n)) >> 32); }
  // first..last, both included.
  int between(int first, int last) { return first + below(last - first + 1); }
  bool chance(int percent) { return below(100) < percent; }
  template <typename T>
  const T& among(const std::vector<T>& all) {
    return all[static_cast<std::size_t>(below(static_cast<int>(all.size())))];
  }
  template <typename T>
  void shuffle(std::vector<T>& all) {
    for (int i = static_cast<int>(all.size()) - 1; i > 0; --i)
      std::swap(all[static_cast<std::size_t>(i)], all[static_cast<std::size_t>(below(i + 1))]);
  }

 private:
  static constexpr std::uint64_t kStep = 0x9e3779b97f4a7c15;
  std::uint64_t state_;
};

}  // namespace clipdex::demo

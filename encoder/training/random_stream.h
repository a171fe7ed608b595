// Random numbers that are the same on every machine, and that need no state to be kept: a stream begins from what it is for.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <numbers>

namespace clipdex::training {

// SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators"). A plain value.
class RandomStream {
 public:
  // `key`: the seed and what the numbers are for, e.g. {seed, epoch, sample}. Different keys give unrelated streams.
  RandomStream(std::initializer_list<std::uint64_t> key) {
    for (const auto part : key) state_ = mix(state_ ^ mix(part + kGamma));
  }

  std::uint64_t bits() {
    state_ += kGamma;
    return mix(state_);
  }
  // In [0, 1).
  double uniform() { return static_cast<double>(bits() >> 11) * 0x1p-53; }
  double uniform(double low, double high) { return low + (high - low) * uniform(); }
  // In [0, n); 0 < n < 2^53.
  std::size_t below(std::size_t n) { return static_cast<std::size_t>(uniform() * static_cast<double>(n)); }
  // Mean 0, deviation 1 (Box and Muller).
  double normal() {
    const double radius = std::sqrt(-2 * std::log(1 - uniform()));
    return radius * std::cos(2 * std::numbers::pi * uniform());
  }

 private:
  static constexpr std::uint64_t kGamma = 0x9E3779B97F4A7C15;
  static std::uint64_t mix(std::uint64_t z) {
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return z ^ (z >> 31);
  }
  std::uint64_t state_ = 0;
};

// What a stream of numbers is for, as the second part of its key.
enum class RandomUse : std::uint64_t { kInitialization = 1, kShardOrder, kShuffle, kCrop, kCaption };

}  // namespace clipdex::training

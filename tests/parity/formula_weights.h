// Weights that follow from their names, so that fixtures need not hold them. formula_weights.py is the same in Python.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace clipdex::tests {

// The number at the flat index i of the tensor `name`, in [-1, 1).
inline float formula_number(std::uint32_t name_hash, std::size_t i) {
  std::uint32_t h = name_hash + static_cast<std::uint32_t>(i) * 2654435761U;
  h ^= h >> 16;
  h *= 2246822519U;
  h ^= h >> 13;
  return 2.0F * (static_cast<float>(h >> 8) / 16'777'216.0F) - 1.0F;
}

inline std::uint32_t fnv1a(std::string_view name) {
  std::uint32_t hash = 0x811C9DC5U;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x01000193U;
  return hash;
}

inline bool is_norm(const std::string& name) {
  static constexpr std::array<std::string_view, 7> kParts = {"ln_", "norm", "layrnorm", "bn1", "bn2", "bn3", "downsample.1"};
  return std::any_of(kParts.begin(), kParts.end(), [&](std::string_view part) { return name.find(part) != std::string::npos; });
}

inline std::vector<float> formula_weights(const std::string& name, std::size_t count) {
  if (name == "logit_scale") return {2.5F};
  float base = 0;
  float scale = 0.25F;
  if (name.ends_with("running_var")) {
    base = 1.25F;
  } else if (name.ends_with("running_mean") || name.ends_with("bias")) {
    scale = 0.1F;
  } else if (name.ends_with("weight") && is_norm(name)) {
    base = 1;
    scale = 0.1F;
  }
  const std::uint32_t hash = fnv1a(name);
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) values[i] = base + scale * formula_number(hash, i);
  return values;
}

}  // namespace clipdex::tests

// The golden models' embeddings of their own inputs, as the encoder gives them.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "encoder/clip_encoder.h"
#include "tests/cli/golden_model.h"

namespace clipdex::tests {

// Two pictures, then three texts, as the projections leave them.
inline std::vector<float> golden_embeddings(const std::filesystem::path& model) {
  const encoder::ClipEncoder encoder(model, {.threads = 1});
  auto all = encoder.encode_pixels(golden_pixels(), 2, /*normalize=*/false).values;
  const auto tokens = golden_tokens();
  const auto texts = encoder.encode_tokens(std::vector<std::vector<std::int32_t>>(tokens.begin(), tokens.end()), /*normalize=*/false);
  all.insert(all.end(), texts.values.begin(), texts.values.end());
  return all;
}

inline double largest_difference_of(const std::vector<float>& a, const std::vector<float>& b) {
  double largest = a.size() == b.size() && !a.empty() ? 0 : HUGE_VAL;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) largest = std::max(largest, std::abs(double{a[i]} - b[i]));
  return largest;
}

// open_clip_config.json of a golden model; the weights beside it have other names.
inline void write_golden_description(const std::filesystem::path& directory, bool resnet) {
  const auto whole = directory / "scratch";
  if (resnet) {
    write_golden_resnet_as_open_clip(whole);
  } else {
    write_golden_vit_as_open_clip(whole);
  }
  std::filesystem::rename(whole / "open_clip_config.json", directory / "open_clip_config.json");
  std::filesystem::remove_all(whole);
}

}  // namespace clipdex::tests

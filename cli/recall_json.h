// A recall as commands print it with --json.
#pragma once

#include <array>
#include <nlohmann/json.hpp>

#include "engine/training.h"

namespace clipdex::cli {

// {"images", "captions", "text_to_image": {"R@1", "R@5", "R@10"}, "image_to_text": the same}
inline nlohmann::json recall_json(const engine::Recalls& recalls) {
  const auto three = [](const std::array<double, 3>& values) {
    return nlohmann::json{{"R@1", values[0]}, {"R@5", values[1]}, {"R@10", values[2]}};
  };
  return {{"images", recalls.images},
          {"captions", recalls.captions},
          {"text_to_image", three(recalls.text_to_image)},
          {"image_to_text", three(recalls.image_to_text)}};
}

}  // namespace clipdex::cli

// The configurations that have names: OpenAI's and LAION's.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "encoder/clip_config.h"

namespace clipdex::encoder {

// "RN50", "ViT-B/32", "ViT-L/14@336", "ViT-H/14", ...: every published shape.
std::vector<std::string> published_names();

// By OpenAI's or open_clip's spelling ("ViT-L/14@336", "ViT-L/14@336px", "ViT-L-14-336"). As in open_clip, the activation is GELU unless
// the name ends in "-quickgelu", which is what OpenAI's own weights need. Nothing for a name that is not published.
std::optional<ClipConfig> published_config(std::string_view name);

// The inverse, whatever the activation; for other shapes the nearest of these names or a description such as "ViT 4x256 /16 @64".
std::string architecture_name(const ClipConfig& config);

// Width of a head of a Vision Transformer's image tower, which no tensor's shape tells: 64, except in LAION's H, g and bigG.
int vision_head_width(int width, int layers);

}  // namespace clipdex::encoder

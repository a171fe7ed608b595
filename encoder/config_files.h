// ClipConfig <-> the configuration files of transformers and of open_clip.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "encoder/clip_config.h"

namespace clipdex::encoder {

// Whether a config.json is transformers': timm's beside open_clip's weights bear the same name and are something else.
bool is_huggingface_config(const std::filesystem::path& config_json);
// Whether any JSON file is an open_clip_config.json by what is in it.
bool is_open_clip_config(const std::filesystem::path& file);

// Transformers' config.json with its defaults (CLIPConfig). Throws std::runtime_error that names the file, the key and the remedy.
ClipConfig read_huggingface_config(const std::filesystem::path& config_json);

// `model_cfg` of an open_clip_config.json with open_clip's defaults, or a name in its place ("ViT-B-32-quickgelu"). Throws likewise.
ClipConfig read_open_clip_config(const std::filesystem::path& open_clip_config_json);

// What each layout's file says of `config`: read back, it gives the same configuration. std::nullopt where the layout has no words for it
// (Hugging Face: ModifiedResNets, end token 2; open_clip: another epsilon than 1e-5, different activations in the towers).
// `start_token`: for Hugging Face's bos_token_id. `type`: "float32", "float16" or "bfloat16".
std::optional<std::string> huggingface_config_text(const ClipConfig& config, std::optional<int> start_token, const std::string& type);
// `preprocess_cfg`: JSON text of that section.
std::optional<std::string> open_clip_config_text(const ClipConfig& config, const std::string& preprocess_cfg);

}  // namespace clipdex::encoder

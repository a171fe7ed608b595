// Makes a set of pictures: the whole of the program but for its command line.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "demo/emoji_set.h"
#include "demo/picture_sets.h"

namespace clipdex::demo {

struct GalleryOptions {
  EmojiSources sources;
  std::vector<std::string> languages = {"en", "zh"};
  SetOptions set;
  int side = 0;      // pixels; 0: 96 of a training set, 256 of the others
  int quality = 92;  // of the JPEG files, 1..100
  bool tar = false;  // webdataset shards, not files with a manifest
  std::size_t samples_per_shard = 10'000;
  int threads = 0;       // 0: one a core; the pictures do not depend on it
  bool replace = false;  // an existing folder
};

struct GalleryReport {
  std::size_t pictures = 0, emoji = 0;
};

// Writes the pictures into the folder `out`, which appears when it is complete. How far it has come stands on stderr if that is a terminal.
// Throws std::invalid_argument for options that cannot be and a folder that is there already, std::runtime_error for the rest.
GalleryReport make_gallery(const std::filesystem::path& out, const GalleryOptions& options);

}  // namespace clipdex::demo

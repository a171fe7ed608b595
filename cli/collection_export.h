// A collection as files that other programs read.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>

#include "cli/target.h"

namespace clipdex::cli {

// Makes `folder` if it is missing, and in it records.jsonl (one JSON record a line) and embeddings.npy (float32 [n, d], unit length) in the
// same order. They come under their names when both are complete; replacing older ones is two renames. `advance` is called after every
// image and may throw to stop; then nothing is left. Throws std::invalid_argument if the files exist and are not to be replaced, what
// Target throws, std::runtime_error if writing fails. Returns the number of images.
std::size_t export_collection(Target& target, const std::string& collection, const std::filesystem::path& folder, bool replace,
                              const std::function<void()>& advance);

}  // namespace clipdex::cli

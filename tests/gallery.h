// Pictures and a model for tests, which stay as they are when the built-in ones are made anew.
#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace clipdex::tests {

inline const std::filesystem::path kModel = std::filesystem::path(CLIPDEX_SOURCE_DIR) / "tests/data/emoji-clip";
inline const std::filesystem::path kGallery = std::filesystem::path(CLIPDEX_SOURCE_DIR) / "tests/data/gallery";

inline std::string read_file(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

inline std::string gallery_file(const std::string& name) { return read_file(kGallery / name); }

// A model that differs from the built-in one in a number of its preprocessing, and so in its fingerprint.
inline void write_other_model(const std::filesystem::path& directory) {
  std::filesystem::create_directories(directory);
  for (const auto* name : {"config.json", "model.safetensors", "vocab.json", "merges.txt", "preprocessor_config.json"}) {
    std::filesystem::copy_file(kModel / name, directory / name, std::filesystem::copy_options::overwrite_existing);
  }
  std::string preprocessor = read_file(directory / "preprocessor_config.json");
  preprocessor.replace(preprocessor.find("0.5"), 3, "0.4");
  std::ofstream(directory / "preprocessor_config.json") << preprocessor;
}

}  // namespace clipdex::tests

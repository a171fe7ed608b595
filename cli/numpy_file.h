// NumPy's .npy files of float32 (numpy/lib/format.py, versions 1 and 2).
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <vector>

namespace clipdex::cli {

struct NumpyArray {
  std::vector<std::size_t> shape;
  std::vector<float> values;  // C order
};

// Throws std::runtime_error that names the file and what is wrong: little-endian float32 in C order is what is read.
NumpyArray read_numpy(const std::filesystem::path& file);
void write_numpy(const std::filesystem::path& file, std::span<const std::size_t> shape, std::span<const float> values);

}  // namespace clipdex::cli

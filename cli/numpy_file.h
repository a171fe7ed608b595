// NumPy's .npy files of float32 (numpy/lib/format.py, versions 1 and 2).
#pragma once

#include <cstddef>
#include <filesystem>
#include <fstream>
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

// Writes a matrix row by row, when the number of rows is not known before. One thread at a time.
class NumpyRows {
 public:
  // Throws std::runtime_error if the file cannot be written; so do the others.
  NumpyRows(const std::filesystem::path& file, std::size_t columns);
  void append(std::span<const float> row);
  // Completes the header. Without it the file is one of no rows.
  void finish();
  std::size_t rows() const { return rows_; }

 private:
  void write_header();
  void check() const;

  std::filesystem::path file_;
  std::ofstream stream_;
  std::size_t columns_;
  std::size_t rows_ = 0;
};

}  // namespace clipdex::cli

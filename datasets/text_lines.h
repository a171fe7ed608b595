// Lines of a text file from outside.
#pragma once

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

namespace clipdex::datasets {

// One thread at a time.
class TextLines {
 public:
  // Throws std::invalid_argument that names the file if it cannot be read.
  TextLines(const std::filesystem::path& file, std::size_t line_bytes_max);

  struct Line {
    std::string text;        // without its line feed; of a line that is too long, its start
    std::size_t number = 0;  // from 1
    bool too_long = false;
  };
  // Nothing at the end. A byte order mark at the start is left out.
  std::optional<Line> next();

 private:
  std::filesystem::path file_;
  std::ifstream stream_;
  std::size_t line_bytes_max_;
  std::size_t number_ = 0;
};

}  // namespace clipdex::datasets

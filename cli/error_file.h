// What "--errors" writes: a JSON line for every input that failed.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>

namespace clipdex::cli {

// One thread at a time.
class ErrorFile {
 public:
  // Replaces what an earlier run has left. Throws std::invalid_argument if the file cannot be written.
  explicit ErrorFile(const std::filesystem::path& file);

  // {"input","id","code","error"}, handed to the system at once: whoever reads along sees it. An empty id becomes null. Throws
  // std::runtime_error if it cannot be written.
  void add(const std::string& input, const std::string& id, const std::string& code, const std::string& error);

 private:
  std::filesystem::path file_;
  std::ofstream stream_;
};

}  // namespace clipdex::cli

#include "cli/error_file.h"

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "cli/json_line.h"

namespace clipdex::cli {

ErrorFile::ErrorFile(const std::filesystem::path& file) : file_(file), stream_(file, std::ios::binary | std::ios::trunc) {
  if (!stream_) throw std::invalid_argument("cannot write " + file.string() + ": " + std::strerror(errno));
}

void ErrorFile::add(const std::string& input, const std::string& id, const std::string& code, const std::string& error) {
  nlohmann::json line = {{"input", input}, {"id", nullptr}, {"code", code}, {"error", error}};
  if (!id.empty()) line["id"] = id;
  stream_ << json_line(line) << std::flush;
  if (!stream_) throw std::runtime_error("cannot write " + file_.string() + ": is the disk full?");
}

}  // namespace clipdex::cli

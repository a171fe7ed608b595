#include "encoder/json_file.h"

#include <fstream>
#include <stdexcept>
#include <string>
#include <system_error>

namespace clipdex::encoder {

using nlohmann::json;

json parse_json(std::string_view text, const JsonLimits& limits) {
  if (text.size() > limits.bytes) throw std::runtime_error("it has over " + std::to_string(limits.bytes) + " bytes");
  std::size_t values = 0;
  const auto check = [&](int depth, json::parse_event_t, const json&) {
    if (depth > limits.depth) throw std::runtime_error("its JSON is nested more than " + std::to_string(limits.depth) + " deep");
    if (++values > limits.values) throw std::runtime_error("its JSON has more than " + std::to_string(limits.values) + " values");
    return true;
  };
  try {
    return json::parse(text, check);
  } catch (const json::exception& error) {
    throw std::runtime_error(std::string("it is not valid JSON: it is damaged, or another kind of file (") + error.what() + ")");
  }
}

json read_json(const std::filesystem::path& file, const JsonLimits& limits) {
  std::error_code error;
  const auto status = std::filesystem::status(file, error);
  if (!std::filesystem::exists(status)) throw std::runtime_error(error ? error.message() : "no such file");
  if (!std::filesystem::is_regular_file(status)) throw std::runtime_error("it is not a regular file");
  const auto size = std::filesystem::file_size(file, error);
  if (error) throw std::runtime_error(error.message());
  if (size > limits.bytes) throw std::runtime_error("it has over " + std::to_string(limits.bytes) + " bytes");
  std::ifstream stream(file, std::ios::binary);
  std::string text(size, '\0');
  if (!stream.read(text.data(), static_cast<std::streamsize>(text.size()))) throw std::runtime_error("it cannot be read");
  return parse_json(text, limits);
}

}  // namespace clipdex::encoder

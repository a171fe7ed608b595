// JSON that comes from anywhere, within limits: what one of them exceeds is refused while it is read. Private to encoder/.
#pragma once

#include <cstddef>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string_view>

namespace clipdex::encoder {

struct JsonLimits {
  std::size_t bytes = std::size_t{16} << 20;
  // Destroying a value is a loop, copying and printing one recurses: what nests deeply is not to be had at all.
  int depth = 16;
  std::size_t values = 1'000'000;  // keys count too
};

// Throws std::runtime_error that says what is wrong, without the file's name: "it is not valid JSON: ...".
nlohmann::json parse_json(std::string_view text, const JsonLimits& limits);

// Of a regular file: a pipe would block. Throws std::runtime_error as parse_json() does, or with the system's reason.
nlohmann::json read_json(const std::filesystem::path& file, const JsonLimits& limits);

}  // namespace clipdex::encoder

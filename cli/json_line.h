// What "--json" prints.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace clipdex::cli {

// With its line feed. Paths and arguments are any bytes: what is not UTF-8 becomes U+FFFD.
inline std::string json_line(const nlohmann::json& value) {
  return value.dump(-1, ' ', /*ensure_ascii=*/false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace clipdex::cli

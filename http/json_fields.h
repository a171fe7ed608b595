// Typed, strict reading of request JSON: an unknown field, a wrong type and a missing value are named with their path. Private to http/.
#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace clipdex::http {

using nlohmann::json;

// Throws malformed() for what is not JSON, not UTF-8, or nested deeper than `depth_max`; HttpError 413 for more than a million values with
// less than 8 bytes of text each, which take many times the text's memory.
json parse_json(std::string_view text, std::size_t depth_max);

// In one line. What is not UTF-8, as a form's file name may be, becomes U+FFFD.
std::string json_line(const json& value);

// A JSON object of which every field must be asked for. Every reader throws malformed() for a wrong type.
class Fields {
 public:
  // `where`: "" for the body itself, else its path, such as "images[3]".
  Fields(const json& object, std::string where);

  // Throws malformed() that names the first field not among these.
  void allow(std::initializer_list<std::string_view> names) const;
  bool has(std::string_view name) const;  // there and not null
  const json& operator[](std::string_view name) const;
  std::string path(std::string_view name) const;

  std::optional<std::string> text(std::string_view name) const;
  std::optional<std::size_t> count(std::string_view name) const;  // 10 or 10.0; negative or fractional: invalid_value()
  std::optional<double> number(std::string_view name) const;
  std::optional<bool> flag(std::string_view name) const;
  std::optional<std::vector<float>> numbers(std::string_view name) const;
  // base64 -> bytes
  std::optional<std::string> bytes(std::string_view name) const;

 private:
  const json& object_;
  std::string where_;
};

// The double whose shortest decimal form is that of the float: 0.67 and not 0.6700000166893005.
double shortest(float value);
json shortest(const std::vector<float>& values);

}  // namespace clipdex::http

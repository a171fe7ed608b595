#include "http/json_fields.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "http/base64.h"
#include "http/errors.h"

namespace clipdex::http {
namespace {

constexpr std::size_t kFreeValues = 1'000'000, kBytesPerValue = 8;

struct Extent {
  std::size_t values = 1;  // arrays and objects are values too, names are none
  std::size_t depth = 0;
};

// Where the string that begins at `at` ends: the position of its second quotation mark, or npos.
std::size_t string_end(std::string_view text, std::size_t at) {
  auto end = text.find('"', at + 1);
  while (end != std::string_view::npos) {
    auto before = end;
    while (text[before - 1] == '\\') --before;
    if ((end - before) % 2 == 0) break;
    end = text.find('"', end + 1);
  }
  return end;
}

// Of JSON text, before it is parsed. Of what is none, anything: the parser then says so. (The parser's own callback could count as well,
// but after each object it looks at all that the array around it holds already, which takes minutes for some hundred thousand.)
Extent extent_of(std::string_view text) {
  Extent extent;
  std::size_t depth = 0;
  bool is_open = false;  // what comes next is the first of an array or object, or closes it
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r') continue;
    const bool closes = c == ']' || c == '}', opens = c == '[' || c == '{';
    if (c == ',' || (is_open && !closes)) ++extent.values;
    is_open = opens;
    if (opens) extent.depth = std::max(extent.depth, ++depth);
    if (closes && depth > 0) --depth;
    if (c == '"') at = std::min(string_end(text, at), text.size());
  }
  return extent;
}

}  // namespace

json parse_json(std::string_view text, std::size_t depth_max) {
  const std::size_t values_max = std::max(kFreeValues, text.size() / kBytesPerValue);
  const auto extent = extent_of(text);
  if (extent.depth > depth_max) throw malformed("the body's JSON is nested more than " + std::to_string(depth_max) + " deep");
  if (extent.values > values_max) {
    throw HttpError(413, "too_many_values",
                    "the body's JSON has " + std::to_string(extent.values) + " values, and " + std::to_string(values_max) +
                        " are the limit for its size",
                    {{"limit_values", values_max}});
  }
  try {
    return json::parse(text);
  } catch (const json::parse_error& error) {
    throw malformed("the body is not valid JSON (at byte " + std::to_string(error.byte) + ")");
  } catch (const json::exception&) {
    throw malformed("the body is not valid JSON");
  }
}

std::string json_line(const json& value) { return value.dump(-1, ' ', false, json::error_handler_t::replace); }

Fields::Fields(const json& object, std::string where) : object_(object), where_(std::move(where)) {
  if (!object_.is_object()) throw malformed((where_.empty() ? "the body" : where_) + " is not a JSON object");
}

void Fields::allow(std::initializer_list<std::string_view> names) const {
  for (const auto& [name, value] : object_.items()) {
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    std::string known;
    for (const auto allowed : names) known += (known.empty() ? "" : ", ") + std::string(allowed);
    throw malformed("there is no field \"" + path(name) + "\"; possible are " + known);
  }
}

bool Fields::has(std::string_view name) const { return object_.contains(name) && !object_.at(std::string(name)).is_null(); }
const json& Fields::operator[](std::string_view name) const { return object_.at(std::string(name)); }
std::string Fields::path(std::string_view name) const { return where_.empty() ? std::string(name) : where_ + "." + std::string(name); }

std::optional<std::string> Fields::text(std::string_view name) const {
  if (!has(name)) return std::nullopt;
  const auto& value = (*this)[name];
  if (!value.is_string()) throw malformed("\"" + path(name) + "\" is not a string");
  return value.get<std::string>();
}

std::optional<std::size_t> Fields::count(std::string_view name) const {
  if (!has(name)) return std::nullopt;
  const auto& value = (*this)[name];
  if (!value.is_number()) throw malformed("\"" + path(name) + "\" is not a number");
  if (value.is_number_unsigned()) return value.get<std::size_t>();
  // To JSON Schema, and to what some languages write, 10.0 is a whole number too.
  constexpr double kExactMax = 9'007'199'254'740'992;  // 2^53
  const auto number = value.get<double>();
  if (value.is_number_float() && number >= 0 && number <= kExactMax && number == std::floor(number))
    return static_cast<std::size_t>(number);
  throw invalid_value("\"" + path(name) + "\" is not a whole number of 0 or more");
}

std::optional<double> Fields::number(std::string_view name) const {
  if (!has(name)) return std::nullopt;
  const auto& value = (*this)[name];
  if (!value.is_number()) throw malformed("\"" + path(name) + "\" is not a number");
  return value.get<double>();
}

std::optional<bool> Fields::flag(std::string_view name) const {
  if (!has(name)) return std::nullopt;
  const auto& value = (*this)[name];
  if (!value.is_boolean()) throw malformed("\"" + path(name) + "\" is not true or false");
  return value.get<bool>();
}

std::optional<std::vector<float>> Fields::numbers(std::string_view name) const {
  if (!has(name)) return std::nullopt;
  const auto& value = (*this)[name];
  std::vector<float> numbers;
  if (value.is_array()) {
    for (const auto& element : value) {
      if (!element.is_number()) break;
      numbers.push_back(static_cast<float>(element.get<double>()));
    }
    if (numbers.size() == value.size()) return numbers;
  }
  throw malformed("\"" + path(name) + "\" is not an array of numbers");
}

std::optional<std::string> Fields::bytes(std::string_view name) const {
  const auto encoded = text(name);
  if (!encoded) return std::nullopt;
  auto decoded = decode_base64(*encoded);
  if (!decoded) throw malformed("\"" + path(name) + "\" is not valid base64");
  return decoded;
}

double shortest(float value) {
  if (!std::isfinite(value)) return 0;
  char text[32];
  const auto [end, error] = std::to_chars(text, text + sizeof text, value);
  double result = value;
  if (error == std::errc()) std::from_chars(text, end, result);
  return result;
}

json shortest(const std::vector<float>& values) {
  json array = json::array();
  for (const float value : values) array.push_back(shortest(value));
  return array;
}

}  // namespace clipdex::http

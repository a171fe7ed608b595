#include "http/json_fields.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "http/base64.h"
#include "http/errors.h"

namespace clipdex::http {

json parse_json(std::string_view text, std::size_t depth_max) {
  bool too_deep = false;
  const auto callback = [&](int depth, json::parse_event_t, json&) {
    too_deep = too_deep || static_cast<std::size_t>(depth) > depth_max;
    return !too_deep;
  };
  try {
    auto parsed = json::parse(text, callback);
    if (!too_deep) return parsed;
  } catch (const json::parse_error& error) {
    if (!too_deep) throw malformed("the body is not valid JSON (at byte " + std::to_string(error.byte) + ")");
  } catch (const json::exception&) {
    throw malformed("the body is not valid JSON");
  }
  throw malformed("the body's JSON is nested more than " + std::to_string(depth_max) + " deep");
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
  if (!value.is_number_unsigned()) throw invalid_value("\"" + path(name) + "\" is not a whole number of 0 or more");
  return value.get<std::size_t>();
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

// The part of JSON Schema 2020-12 that the API's description uses, to hold answers against it.
#pragma once

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <regex>
#include <stdexcept>
#include <string>

namespace clipdex::tests {

using nlohmann::json;

class JsonSchema {
 public:
  // `document`: what "#/..." refers to.
  explicit JsonSchema(const json& document) : document_(document) {}

  // "" if the value fits, else where it does not. Throws for a keyword that this does not know.
  std::string mismatch(const json& value, const json& schema, const std::string& where = "$") const {
    for (const auto& [keyword, argument] : schema.items()) {
      auto wrong = check(value, schema, keyword, argument, where);
      if (!wrong.empty()) return wrong;
    }
    return "";
  }

 private:
  std::string check(const json& value, const json& schema, const std::string& keyword, const json& argument,
                    const std::string& where) const {
    const auto fail = [&](bool fits) {
      return fits ? "" : where + " breaks " + keyword + " " + argument.dump() + ": " + value.dump().substr(0, 200);
    };
    if (keyword == "$ref") return mismatch(value, document_.at(json::json_pointer(argument.get<std::string>().substr(1))), where);
    if (keyword == "type") return fail(is_type(value, argument));
    if (keyword == "enum") return fail(std::find(argument.begin(), argument.end(), value) != argument.end());
    if (keyword == "const") return fail(value == argument);
    if (keyword == "anyOf" || keyword == "oneOf")
      return fail(fitting(value, argument, where) >= 1 && (keyword == "anyOf" || fitting(value, argument, where) == 1));
    if (keyword == "minimum") return fail(!value.is_number() || value >= argument);
    if (keyword == "maximum") return fail(!value.is_number() || value <= argument);
    if (keyword == "minLength") return fail(!value.is_string() || value.get<std::string>().size() >= argument);
    if (keyword == "maxLength") return fail(!value.is_string() || value.get<std::string>().size() <= argument);
    if (keyword == "minItems") return fail(!value.is_array() || value.size() >= argument);
    if (keyword == "maxItems") return fail(!value.is_array() || value.size() <= argument);
    if (keyword == "pattern")
      return fail(!value.is_string() || std::regex_search(value.get<std::string>(), std::regex(argument.get<std::string>())));
    if (keyword == "items") return check_items(value, argument, where);
    if (keyword == "required")
      return fail(!value.is_object() ||
                  std::all_of(argument.begin(), argument.end(), [&](const json& name) { return value.contains(name); }));
    if (keyword == "properties" || keyword == "additionalProperties") return check_properties(value, schema, where);
    for (const auto* annotation : {"description", "default", "contentEncoding", "contentMediaType", "uniqueItems"}) {
      if (keyword == annotation) return "";
    }
    throw std::logic_error("the schema has a keyword that the test does not know: " + keyword);
  }

  static bool is_type(const json& value, const json& type) {
    if (type.is_array()) return std::any_of(type.begin(), type.end(), [&](const json& one) { return is_type(value, one); });
    if (type == "integer") return value.is_number() && value == std::floor(value.get<double>());  // 10.0 is one
    if (type == "number") return value.is_number();
    return type == value.type_name();
  }

  std::size_t fitting(const json& value, const json& schemas, const std::string& where) const {
    return static_cast<std::size_t>(
        std::count_if(schemas.begin(), schemas.end(), [&](const json& schema) { return mismatch(value, schema, where).empty(); }));
  }

  std::string check_items(const json& value, const json& schema, const std::string& where) const {
    if (!value.is_array()) return "";
    for (std::size_t i = 0; i < value.size(); ++i) {
      if (auto wrong = mismatch(value[i], schema, where + "[" + std::to_string(i) + "]"); !wrong.empty()) return wrong;
    }
    return "";
  }

  std::string check_properties(const json& value, const json& schema, const std::string& where) const {
    if (!value.is_object()) return "";
    const auto known = schema.value("properties", json::object());
    for (const auto& [name, element] : value.items()) {
      std::string wrong;
      if (known.contains(name)) {
        wrong = mismatch(element, known[name], where + "." + name);
      } else if (schema.contains("additionalProperties") && schema["additionalProperties"].is_object()) {
        wrong = mismatch(element, schema["additionalProperties"], where + "." + name);
      } else if (schema.value("additionalProperties", json(true)) == false) {
        wrong = where + " has the unknown property " + name;
      }
      if (!wrong.empty()) return wrong;
    }
    return "";
  }

  const json& document_;
};

}  // namespace clipdex::tests

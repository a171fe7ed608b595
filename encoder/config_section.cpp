#include "encoder/config_section.h"

#include <cstdint>
#include <stdexcept>
#include <utility>

#include "encoder/json_file.h"

namespace clipdex::encoder {
namespace {

using nlohmann::json;

// Whether it is a whole number that fits; numbers above INT64_MAX must not wrap around to negative ones.
bool is_int(const json& value) {
  if (value.is_number_unsigned()) return value.get<std::uint64_t>() <= INT32_MAX;
  return value.is_number_integer() && value.get<std::int64_t>() >= INT32_MIN && value.get<std::int64_t>() <= INT32_MAX;
}

}  // namespace

ConfigSection ConfigSection::read(const std::filesystem::path& file) {
  std::shared_ptr<const json> values;
  try {
    values = std::make_shared<const json>(read_json(file, {}));
  } catch (const std::runtime_error& error) {
    throw std::runtime_error("cannot read " + file.string() + ": " + error.what());
  }
  if (!values->is_object()) throw std::runtime_error(file.string() + " is not a JSON object: it is damaged or not a model's configuration");
  return {std::move(values), file.string()};
}

ConfigSection::ConfigSection(std::shared_ptr<const json> values, std::string where)
    : values_(std::move(values)), where_(std::move(where)) {}

bool ConfigSection::has(std::string_view key) const { return values_->contains(key) && !(*this)[key].is_null(); }

int ConfigSection::integer(std::string_view key, int otherwise) const {
  if (!has(key)) return otherwise;
  if (!is_int((*this)[key])) fail(key, "a whole number");
  return (*this)[key].get<int>();
}

double ConfigSection::number(std::string_view key, double otherwise) const {
  if (!has(key)) return otherwise;
  if (!(*this)[key].is_number()) fail(key, "a number");
  return (*this)[key].get<double>();
}

std::string ConfigSection::text(std::string_view key, const std::string& otherwise) const {
  if (!has(key)) return otherwise;
  if (!(*this)[key].is_string()) fail(key, "a string");
  return (*this)[key].get<std::string>();
}

bool ConfigSection::flag(std::string_view key, bool otherwise) const {
  if (!has(key)) return otherwise;
  if (!(*this)[key].is_boolean()) fail(key, "true or false");
  return (*this)[key].get<bool>();
}

ConfigSection ConfigSection::section(std::string_view key) const {
  const std::string where = where_ + ", " + std::string(key);
  if (!has(key)) return {std::make_shared<const json>(json::object()), where};
  if (!(*this)[key].is_object()) fail(key, "an object");
  return {{values_, &(*this)[key]}, where};
}

void ConfigSection::fail(std::string_view key, std::string_view what) const {
  throw std::runtime_error(where_ + ": \"" + std::string(key) + "\" is not " + std::string(what));
}

}  // namespace clipdex::encoder

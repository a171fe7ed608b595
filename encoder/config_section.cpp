#include "encoder/config_section.h"

#include <fstream>
#include <stdexcept>
#include <utility>

namespace clipdex::encoder {
namespace {

using nlohmann::json;

constexpr std::uintmax_t kConfigBytesMax = 16U << 20;

}  // namespace

ConfigSection ConfigSection::read(const std::filesystem::path& file) {
  std::error_code error;
  const auto size = std::filesystem::file_size(file, error);
  if (error) throw std::runtime_error("cannot read " + file.string() + ": " + error.message());
  if (size > kConfigBytesMax) throw std::runtime_error(file.string() + " is too large for a configuration file");
  std::ifstream stream(file);
  auto value = json::parse(stream, /*callback=*/nullptr, /*allow_exceptions=*/false);
  if (!value.is_object()) throw std::runtime_error(file.string() + " is not a JSON object: it is damaged or not a model's configuration");
  return {std::move(value), file.string()};
}

ConfigSection::ConfigSection(json values, std::string where) : values_(std::move(values)), where_(std::move(where)) {}

bool ConfigSection::has(std::string_view key) const { return values_.contains(key) && !values_[std::string(key)].is_null(); }

int ConfigSection::integer(std::string_view key, int otherwise) const {
  if (!has(key)) return otherwise;
  const auto& value = values_[std::string(key)];
  if (!value.is_number_integer() || value.get<std::int64_t>() < INT32_MIN || value.get<std::int64_t>() > INT32_MAX)
    fail(key, "a whole number");
  return value.get<int>();
}

double ConfigSection::number(std::string_view key, double otherwise) const {
  if (!has(key)) return otherwise;
  const auto& value = values_[std::string(key)];
  if (!value.is_number()) fail(key, "a number");
  return value.get<double>();
}

std::string ConfigSection::text(std::string_view key, const std::string& otherwise) const {
  if (!has(key)) return otherwise;
  const auto& value = values_[std::string(key)];
  if (!value.is_string()) fail(key, "a string");
  return value.get<std::string>();
}

bool ConfigSection::flag(std::string_view key, bool otherwise) const {
  if (!has(key)) return otherwise;
  const auto& value = values_[std::string(key)];
  if (!value.is_boolean()) fail(key, "true or false");
  return value.get<bool>();
}

ConfigSection ConfigSection::section(std::string_view key) const {
  if (!has(key)) return {json::object(), where_ + ", " + std::string(key)};
  if (!values_[std::string(key)].is_object()) fail(key, "an object");
  return {values_[std::string(key)], where_ + ", " + std::string(key)};
}

void ConfigSection::fail(std::string_view key, std::string_view what) const {
  throw std::runtime_error(where_ + ": \"" + std::string(key) + "\" is not " + std::string(what));
}

}  // namespace clipdex::encoder

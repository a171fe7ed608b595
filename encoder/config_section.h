// A part of a JSON configuration file, with defaults for what it leaves out and errors that name file and key. Private to encoder/.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace clipdex::encoder {

class ConfigSection {
 public:
  // The whole of a file. Throws std::runtime_error for one that is missing, too large or no JSON object.
  static ConfigSection read(const std::filesystem::path& file);
  // `where`: for messages.
  ConfigSection(nlohmann::json values, std::string where);

  // Whether the key is there and not null.
  bool has(std::string_view key) const;
  int integer(std::string_view key, int otherwise) const;
  double number(std::string_view key, double otherwise) const;
  std::string text(std::string_view key, const std::string& otherwise) const;
  bool flag(std::string_view key, bool otherwise) const;
  ConfigSection section(std::string_view key) const;  // empty where there is none

  const nlohmann::json& values() const { return values_; }
  const std::string& where() const { return where_; }

  // "FILE: "KEY" is not WHAT"
  [[noreturn]] void fail(std::string_view key, std::string_view what) const;

 private:
  nlohmann::json values_;
  std::string where_;
};

}  // namespace clipdex::encoder

// A part of a JSON configuration file, with defaults for what it leaves out and errors that name file and key. Private to encoder/.
#pragma once

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace clipdex::encoder {

// Sections of one file share what was read of it.
class ConfigSection {
 public:
  // The whole of a file. Throws std::runtime_error for one that is missing, beyond JsonLimits or no JSON object.
  static ConfigSection read(const std::filesystem::path& file);

  // Whether the key is there and not null.
  bool has(std::string_view key) const;
  int integer(std::string_view key, int otherwise) const;
  double number(std::string_view key, double otherwise) const;
  std::string text(std::string_view key, const std::string& otherwise) const;
  bool flag(std::string_view key, bool otherwise) const;
  ConfigSection section(std::string_view key) const;  // empty where there is none

  // The object itself; valid as long as any section of the file is.
  const nlohmann::json& values() const { return *values_; }
  // The value of a key that has() finds.
  const nlohmann::json& operator[](std::string_view key) const { return (*values_)[std::string(key)]; }
  // For messages: the file, and the section's place in it.
  const std::string& where() const { return where_; }

  // "FILE: "KEY" is not WHAT"
  [[noreturn]] void fail(std::string_view key, std::string_view what) const;

 private:
  ConfigSection(std::shared_ptr<const nlohmann::json> values, std::string where);

  std::shared_ptr<const nlohmann::json> values_;  // a part of the file's, which it keeps alive
  std::string where_;
};

}  // namespace clipdex::encoder

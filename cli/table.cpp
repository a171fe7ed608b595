#include "cli/table.h"

#include <wchar.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <ostream>

#include "cli/input_files.h"
#include "datasets/utf8_locale.h"

namespace clipdex::cli {
namespace {

struct Character {
  std::size_t bytes;
  std::uint32_t codepoint;
};

// Of valid UTF-8, which is what ids and metadata are.
Character character_at(const std::string& text, std::size_t at) {
  const auto byte = static_cast<unsigned char>(text[at]);
  const std::size_t bytes = byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
  std::uint32_t codepoint = bytes == 1 ? byte : byte & (0xFFU >> (bytes + 1));
  for (std::size_t i = 1; i < bytes && at + i < text.size(); ++i)
    codepoint = codepoint << 6 | (static_cast<unsigned char>(text[at + i]) & 0x3FU);
  return {std::min(bytes, text.size() - at), codepoint};
}

// As the C library's tables have it: East Asian characters and emoji are two columns wide, combining marks none. Needs Utf8Locale.
std::size_t columns_of(std::uint32_t codepoint) {
  const int columns = ::wcwidth(static_cast<wchar_t>(codepoint));
  return columns < 0 ? 1 : static_cast<std::size_t>(columns);
}

std::size_t width(const std::string& text) {
  const datasets::Utf8Locale utf8;
  std::size_t columns = 0;
  for (std::size_t at = 0; at < text.size();) {
    const auto character = character_at(text, at);
    columns += columns_of(character.codepoint);
    at += character.bytes;
  }
  return columns;
}

void print_row(std::ostream& out, const std::vector<std::string>& row, const std::vector<std::size_t>& widths) {
  for (std::size_t i = 0; i < row.size(); ++i) {
    out << row[i];
    if (i + 1 < row.size()) out << std::string(widths[i] - width(row[i]) + 2, ' ');
  }
  out << '\n';
}

}  // namespace

void print_table(std::ostream& out, const std::vector<std::string>& header, const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  widths.reserve(header.size());
  for (const auto& name : header) widths.push_back(width(name));
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width(row[i]));
  }
  print_row(out, header, widths);
  for (const auto& row : rows) print_row(out, row, widths);
}

std::string printable(const std::string& any_text, std::size_t columns_max) {
  const std::string text = as_text(any_text);
  const datasets::Utf8Locale utf8;
  std::string out;
  std::size_t columns = 0;
  for (std::size_t at = 0; at < text.size();) {
    const auto character = character_at(text, at);
    const bool control = character.codepoint < 0x20 || (character.codepoint >= 0x7F && character.codepoint < 0xA0) ||
                         (character.codepoint >= 0x200E && character.codepoint <= 0x202E);
    columns += columns_of(character.codepoint);
    if (columns > columns_max) return out + "...";
    out += control ? "?" : text.substr(at, character.bytes);
    at += character.bytes;
  }
  return out;
}

std::string human_bytes(double bytes) {
  const char* units[] = {"B", "kB", "MB", "GB", "TB"};
  std::size_t unit = 0;
  for (; bytes >= 1000 && unit + 1 < std::size(units); ++unit) bytes /= 1000;
  char text[32];
  std::snprintf(text, sizeof text, unit == 0 ? "%.0f %s" : "%.1f %s", bytes, units[unit]);
  return text;
}

std::string caption_of(const std::string& metadata, const std::string& source) {
  const auto parsed = nlohmann::json::parse(metadata, nullptr, false);
  for (const auto* key : {"caption", "title"}) {
    if (parsed.is_object() && parsed.contains(key) && parsed[key].is_string()) return parsed[key].get<std::string>();
  }
  return source;
}

}  // namespace clipdex::cli

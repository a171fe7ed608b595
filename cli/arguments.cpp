#include "cli/arguments.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <regex>

#include "engine/identifiers.h"

namespace clipdex::cli {
namespace {

constexpr char kMark = '\x1F';

bool is_marked(const std::string& argument) { return argument.starts_with('[') && argument.ends_with(kMark); }

std::string without_mark(std::string value) {
  if (is_marked(value)) value.pop_back();
  return value;
}

}  // namespace

std::string check_not_empty(const std::string& value) { return value.empty() ? "it is empty" : ""; }

std::string check_text(const std::string& value) {
  if (value.empty()) return "it is empty";
  return engine::is_utf8(value) ? "" : "it is not valid UTF-8";
}

std::string check_address(const std::string& value) {
  static const std::regex address(R"(https?://([^/?#@\s:\[\]]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?/*)");
  constexpr int kPortMax = 65535;
  std::smatch match;
  constexpr std::size_t kLengthMax = 300;  // std::regex recurses
  if (value.size() <= kLengthMax && std::regex_match(value, match, address)) {
    if (match[2].length() == 0) return "";
    const int port = std::stoi(match[2].str().substr(1));
    if (port > 0 && port <= kPortMax) return "";
  }
  return "\"" + value + "\" is not an address like http://127.0.0.1:8080";
}

std::vector<std::string> marked_arguments(int argc, char** argv) {
  std::vector<std::string> arguments;
  for (int i = 1; i < argc; ++i) {
    std::string argument = argv[i];
    if (is_marked(argument) || (argument.starts_with('[') && argument.ends_with(']'))) argument += kMark;
    arguments.push_back(std::move(argument));
  }
  std::reverse(arguments.begin(), arguments.end());
  return arguments;
}

void remove_marks(CLI::App& program) {
  for (auto* option : program.get_options()) option->transform(without_mark, "", "");
  for (auto* command : program.get_subcommands({})) remove_marks(*command);
}

}  // namespace clipdex::cli

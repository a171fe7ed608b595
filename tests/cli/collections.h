// Pictures to ingest, and what a command says about them.
#pragma once

#include <map>

#include "tests/cli/outputs.h"

namespace clipdex::tests {

// The pictures of these names, copied from the gallery.
inline std::filesystem::path copy_pictures(const std::filesystem::path& folder, const std::vector<std::string>& names) {
  std::filesystem::create_directories(folder);
  for (const auto& name : names) {
    std::filesystem::copy_file(kGallery / name, folder / name, std::filesystem::copy_options::overwrite_existing);
  }
  return folder;
}

// What "ingest --json" says, by source: "created", "updated", "unchanged", or the code of the failure.
inline std::map<std::string, std::string> fates(const Outcome& outcome) {
  std::map<std::string, std::string> all;
  for (const auto& line : json_lines(outcome.out)) {
    const auto status = line.at("status").get<std::string>();
    all[line.at("source")] = status == "failed" ? line.at("error").at("code").get<std::string>() : status;
  }
  return all;
}

inline std::vector<std::string> ids_of(const std::vector<json>& lines) {
  std::vector<std::string> ids;
  ids.reserve(lines.size());
  for (const auto& line : lines) ids.push_back(line.at("id"));
  return ids;
}

inline std::vector<std::string> with(std::vector<std::string> arguments, const std::vector<std::string>& more) {
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

using Fates = std::map<std::string, std::string>;
using Ids = std::vector<std::string>;

}  // namespace clipdex::tests

// What an ingest reads: files, folders, and the metadata beside them.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "datasets/text.h"

namespace clipdex::cli {

using datasets::as_text;

struct InputFile {
  std::filesystem::path path;
  std::string name;   // relative to the folder it was found in; a file's own name if it was named itself
  std::string error;  // set if it cannot be read, or is a folder that cannot
};

// Folders are walked recursively, in order of names, for names that end as those of pictures do; hidden ones are skipped and links to
// folders are not followed. A file that is named itself is taken whatever its name. Throws std::invalid_argument for a path that does not
// exist.
std::vector<InputFile> collect_inputs(const std::vector<std::string>& paths);

// Why a file was not read.
struct ReadError {
  std::string message;
  bool too_large = false;  // over the limit; otherwise it cannot be read

  // As an ingest reports it.
  const char* code() const { return too_large ? "image_too_large" : "unreadable_file"; }
};

// The whole file. Nothing, and the reason in `error`, if it cannot be read or is over the limit.
std::optional<std::string> read_file(const std::filesystem::path& path, std::size_t bytes_max, ReadError& error);

// JSON lines {"file": name, ...}: the rest of each object, by name. Throws std::invalid_argument that names file and line.
std::map<std::string, std::string> read_metadata_lines(const std::filesystem::path& path);

}  // namespace clipdex::cli

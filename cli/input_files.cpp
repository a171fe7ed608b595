#include "cli/input_files.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "datasets/picture_names.h"

namespace clipdex::cli {
namespace {

namespace fs = std::filesystem;

bool is_hidden(const fs::path& path) { return path.filename().string().starts_with('.'); }

// Appends what `folder` holds; `prefix` is its name relative to the root, with a slash, or empty.
void walk(const fs::path& folder, const std::string& prefix, std::vector<InputFile>& files) {
  std::error_code error;
  std::vector<fs::directory_entry> entries;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    if (!is_hidden(entry->path())) entries.push_back(*entry);
  }
  if (error) files.push_back({folder, prefix.empty() ? folder.string() : prefix, "cannot read the folder: " + error.message()});
  std::sort(entries.begin(), entries.end());
  for (const auto& entry : entries) {
    std::error_code unknown;  // then it is no folder, and reading it as a file says why
    const std::string name = prefix + entry.path().filename().string();
    if (entry.is_directory(unknown)) {
      // A link may lead back to where we are.
      if (!entry.is_symlink(unknown)) walk(entry.path(), name + "/", files);
    } else if (datasets::has_picture_ending(entry.path())) {
      files.push_back({entry.path(), name, ""});
    }
  }
}

}  // namespace

std::vector<InputFile> collect_inputs(const std::vector<std::string>& paths) {
  std::vector<InputFile> files;
  for (const auto& text : paths) {
    const fs::path path = text;
    std::error_code error;
    const auto status = fs::status(path, error);
    if (!fs::exists(status)) throw std::invalid_argument("there is no file or folder " + text);
    if (fs::is_directory(status)) {
      walk(path, "", files);
    } else {
      files.push_back({path, path.filename().string(), ""});
    }
  }
  return files;
}

std::optional<std::string> read_file(const fs::path& path, std::size_t bytes_max, ReadError& error) {
  std::error_code code;
  // Before it is opened: opening a pipe waits for whoever writes to it.
  if (!fs::is_regular_file(path, code)) {
    error.message = code ? code.message() : "it is not a regular file";
    return std::nullopt;
  }
  std::ifstream stream(path, std::ios::binary);
  const auto size = fs::file_size(path, code);
  if (!stream || code) {
    error.message = code ? code.message() : std::strerror(errno);
    return std::nullopt;
  }
  if (size > bytes_max) {
    error = {.message = "the file has " + std::to_string(size) + " bytes, and " + std::to_string(bytes_max) + " are the limit here",
             .too_large = true};
    return std::nullopt;
  }
  std::string bytes(static_cast<std::size_t>(size), '\0');
  stream.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (!stream) {
    error.message = "it became shorter while it was read, or the disk fails";
    return std::nullopt;
  }
  return bytes;
}

std::map<std::string, std::string> read_metadata_lines(const fs::path& path) {
  std::ifstream stream(path);
  std::error_code ignored;
  if (!stream || fs::is_directory(path, ignored)) throw std::invalid_argument("cannot read the metadata in " + path.string());
  std::map<std::string, std::string> metadata;
  std::size_t number = 0;
  for (std::string line; std::getline(stream, line);) {
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    auto object = nlohmann::json::parse(line, nullptr, false);
    if (!object.is_object() || !object.contains("file") || !object["file"].is_string()) {
      throw std::invalid_argument(path.string() + ", line " + std::to_string(number) + " is not a JSON object with the field \"file\"");
    }
    const auto name = object["file"].get<std::string>();
    object.erase("file");
    metadata[name] = object.dump();
  }
  return metadata;
}

}  // namespace clipdex::cli

// Pictures that a manifest lists, a line or a row each, with their metadata.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/input.h"
#include "datasets/delimited_text.h"
#include "datasets/text_lines.h"

namespace clipdex::cli {

// JSON lines (.jsonl, .ndjson): objects; or a table with a header (.csv, .tsv), whose values stay strings. "file", "filepath", "path" or
// "image", the first of them that is there, names the picture's file; "id", if it is there, is the id; the rest is metadata.
class ManifestSource : public InputSource {
 public:
  // Names of files are relative to `root`. Throws std::invalid_argument if the manifest cannot be read, its ending is another one, or a
  // table's header names no files.
  ManifestSource(const std::filesystem::path& manifest, std::filesystem::path root, IdFrom id_from);

  // Files of more than `bytes_max` are not read; to be set before the first next().
  void set_bytes_max(std::size_t bytes_max) { bytes_max_ = bytes_max; }

  std::optional<Input> next() override;

 private:
  struct Entry;

  std::optional<Entry> next_entry();
  std::optional<Entry> next_line();
  std::optional<Entry> next_row();
  void read_header(const std::string& manifest);

  std::string name_;
  std::filesystem::path root_;
  IdFrom id_from_;
  std::size_t bytes_max_ = 0;
  std::optional<datasets::TextLines> lines_;
  std::optional<datasets::DelimitedText> table_;
  std::vector<std::string> columns_;
  bool any_ = false;  // a line that is not empty
};

}  // namespace clipdex::cli

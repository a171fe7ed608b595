#include "cli/manifest_source.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>
#include <utility>

#include "cli/input_files.h"
#include "engine/identifiers.h"

namespace clipdex::cli {
namespace {

using nlohmann::json;

constexpr std::array<const char*, 4> kFileFields = {"file", "filepath", "path", "image"};
constexpr const char* kFileFieldNames = "\"file\", \"filepath\", \"path\" or \"image\"";
constexpr std::size_t kLineBytesMax = std::size_t{1} << 20;

}  // namespace

// A line's picture, or what is wrong with the line.
struct ManifestSource::Entry {
  std::size_t line = 0;
  std::string file;
  std::optional<std::string> id;
  json metadata;
  std::string error;
};

ManifestSource::ManifestSource(const std::filesystem::path& manifest, std::filesystem::path root, IdFrom id_from)
    : name_(as_text(manifest.string())), root_(std::move(root)), id_from_(id_from) {
  const auto ending = manifest.extension();
  if (ending == ".jsonl" || ending == ".ndjson") {
    lines_.emplace(manifest, kLineBytesMax);
  } else if (ending == ".csv" || ending == ".tsv") {
    table_.emplace(manifest, ending == ".csv" ? ',' : '\t', kLineBytesMax);
    read_header(name_);
  } else {
    throw std::invalid_argument("the manifest " + name_ + " is of no kind that is known: .jsonl, .csv and .tsv are");
  }
}

void ManifestSource::read_header(const std::string& manifest) {
  const auto header = table_->next();
  if (!header) throw std::invalid_argument(manifest + " is empty: its first row names the columns");
  if (!header->error.empty()) throw std::invalid_argument(manifest + ", line " + std::to_string(header->line) + ": " + header->error);
  columns_ = header->fields;
  std::set<std::string> names;
  for (const auto& column : columns_) {
    if (!engine::is_utf8(column)) throw std::invalid_argument(manifest + " is not UTF-8: convert it, for example with iconv");
    if (!names.insert(column).second)
      throw std::invalid_argument(std::string(manifest).append(" has two columns \"").append(column).append("\""));
  }
  if (std::none_of(kFileFields.begin(), kFileFields.end(), [&](const char* field) { return names.contains(field); }))
    throw std::invalid_argument(manifest + " has no column " + kFileFieldNames + " in its first row, which names the columns");
}

std::optional<ManifestSource::Entry> ManifestSource::next_line() {
  while (const auto line = lines_->next()) {
    Entry entry{.line = line->number, .file = {}, .id = {}, .metadata = {}, .error = {}};
    if (line->too_long) {
      entry.error = "the line has more than " + std::to_string(kLineBytesMax) + " bytes";
      return entry;
    }
    if (line->text.find_first_not_of(" \t\r") == std::string::npos) continue;
    entry.metadata = json::parse(line->text, nullptr, false);
    if (!entry.metadata.is_object()) entry.error = "the line is not a JSON object";
    return entry;
  }
  return std::nullopt;
}

std::optional<ManifestSource::Entry> ManifestSource::next_row() {
  auto row = table_->next();
  if (!row) return std::nullopt;
  Entry entry{.line = row->line, .file = {}, .id = {}, .metadata = json::object(), .error = std::move(row->error)};
  if (!entry.error.empty()) return entry;
  if (row->fields.size() != columns_.size()) {
    entry.error = "the row has " + std::to_string(row->fields.size()) + " fields, and the header " + std::to_string(columns_.size());
    return entry;
  }
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    if (!engine::is_utf8(row->fields[i])) entry.error = "the row is not valid UTF-8: convert the file, for example with iconv";
    entry.metadata[columns_[i]] = std::move(row->fields[i]);
  }
  // An empty cell is no id.
  if (const auto id = entry.metadata.find("id"); id != entry.metadata.end() && id->get_ref<const std::string&>().empty())
    entry.metadata.erase(id);
  return entry;
}

// Takes the file's name and the id out of the fields.
std::optional<ManifestSource::Entry> ManifestSource::next_entry() {
  auto entry = lines_ ? next_line() : next_row();
  if (!entry || !entry->error.empty()) return entry;
  auto& fields = entry->metadata;
  const auto field = std::find_if(kFileFields.begin(), kFileFields.end(), [&](const char* name) { return fields.contains(name); });
  if (field == kFileFields.end() || !fields[*field].is_string() || fields[*field].get_ref<const std::string&>().empty()) {
    entry->error = std::string("it names no file: ") + kFileFieldNames + " does";
    return entry;
  }
  entry->file = fields[*field].get<std::string>();
  fields.erase(*field);
  if (const auto id = fields.find("id"); id != fields.end() && !id->is_null()) {
    if (!id->is_string() && !id->is_number_integer()) {
      entry->error = "its \"id\" is neither a string nor a whole number";
      return entry;
    }
    entry->id = id->is_string() ? id->get<std::string>() : id->dump();
  }
  fields.erase("id");
  return entry;
}

std::optional<Input> ManifestSource::next() {
  auto entry = next_entry();
  Input input{.where = name_, .source = name_, .id = {}, .bytes = {}, .metadata = {}, .error_code = {}, .error = {}};
  if (!entry) {
    if (std::exchange(any_, true)) return std::nullopt;
    input.error_code = "no_image";
    input.error = "the manifest lists no picture";
    return input;
  }
  any_ = true;
  input.where += ":" + std::to_string(entry->line);
  input.source = input.where;
  if (!entry->error.empty()) {
    input.error_code = "invalid_line";
    input.error = std::move(entry->error);
    return input;
  }
  input.source = entry->file;
  input.id = entry->id;
  if (!input.id && id_from_ == IdFrom::kPath) input.id = entry->file;
  ReadError error;
  auto bytes = read_file(root_ / entry->file, bytes_max_, error);
  if (!bytes) {
    input.error_code = error.code();
    input.error = input.where + " names " + (root_ / entry->file).string() + ": " + error.message;
    return input;
  }
  input.bytes = std::move(*bytes);
  if (!entry->metadata.empty()) input.metadata = entry->metadata.dump();
  return input;
}

}  // namespace clipdex::cli

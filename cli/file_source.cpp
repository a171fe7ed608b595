#include "cli/file_source.h"

#include <utility>

#include "engine/identifiers.h"

namespace clipdex::cli {

FileSource::FileSource(std::vector<InputFile> files, std::map<std::string, std::string> metadata, IdFrom id_from, std::size_t bytes_max)
    : files_(std::move(files)), metadata_(std::move(metadata)), id_from_(id_from), bytes_max_(bytes_max) {}

std::optional<Input> FileSource::next() {
  if (at_ == files_.size()) return std::nullopt;
  const auto& file = files_[at_++];
  Input input{.where = as_text(file.path.string()), .source = as_text(file.name), .id = {}, .bytes = {}, .metadata = {}};
  const auto failed = [&input](const char* code, std::string error) {
    input.error_code = code;
    input.error = std::move(error);
    return std::move(input);
  };
  if (!file.error.empty()) return failed("unreadable_file", file.error);
  if (id_from_ == IdFrom::kPath) {
    if (!engine::is_utf8(file.name)) return failed("invalid_id", "its name is not valid UTF-8: rename it, or use --id-from hash");
    input.id = file.name;
    const auto [first, is_new] = seen_.try_emplace(file.name, file.path);
    std::error_code ignored;
    if (!is_new && !std::filesystem::equivalent(first->second, file.path, ignored)) {
      return failed("duplicate_id", input.where + " and " + as_text(first->second.string()) +
                                        " would have the same id: ingest the folder above both, or use --id-from hash");
    }
  }
  ReadError error;
  auto bytes = read_file(file.path, bytes_max_, error);
  if (!bytes) return failed(error.code(), error.message);
  input.bytes = std::move(*bytes);
  if (const auto metadata = metadata_.find(file.name); metadata != metadata_.end()) input.metadata = metadata->second;
  return input;
}

}  // namespace clipdex::cli

#include "encoder/model_conversion.h"

#include <sys/stat.h>

#include <stdexcept>

#include "encoder/clip_tensors.h"
#include "encoder/model_directory.h"
#include "encoder/model_files.h"
#include "encoder/model_info.h"
#include "encoder/model_writer.h"
#include "encoder/new_directory.h"
#include "encoder/tokenizer.h"

namespace clipdex::encoder {
namespace {

namespace fs = std::filesystem;

bool is_mount_point(const fs::path& directory) {
  struct stat own{}, parent{};
  return ::stat(directory.c_str(), &own) == 0 && ::stat((directory / "..").c_str(), &parent) == 0 && own.st_dev != parent.st_dev;
}

// Before anything is read: what cannot be made, and what may not be replaced. A mistyped path must not cost anybody a home directory.
void check_destination(const fs::path& path, bool replace) {
  const auto destination = path.has_filename() ? path : path.parent_path();
  const auto last = destination.filename();
  if (last.empty() || last == "." || last == "..")
    throw std::invalid_argument("\"" + path.string() + "\" is no name for a new directory: name the directory itself");
  const auto status = fs::symlink_status(destination);
  if (!fs::exists(status)) return;
  if (!replace) throw std::invalid_argument(destination.string() + " exists already: name another place, or replace it with --force");
  const bool empty = fs::is_directory(status) && fs::is_empty(destination);
  if (!empty && !is_model_directory(destination))
    throw std::invalid_argument(destination.string() + " is not a model's directory and nothing else: it is not replaced");
  if (is_mount_point(destination)) throw std::invalid_argument(destination.string() + " is a mount point, which cannot be replaced");
}

}  // namespace

Conversion convert_model(const fs::path& path, const fs::path& destination, const ConversionOptions& options) {
  check_destination(destination, options.replace);
  const auto model = open_model(path);
  const auto& checkpoint = model.checkpoint;
  check_tensors(checkpoint, model.directory.config);
  const auto naming = *naming_of(checkpoint);
  const auto tokenizer = open_tokenizer(model.directory);
  NewDirectory made(destination);
  auto written = write_model(made,
                             {.name = path.string(),
                              .config = model.directory.config,
                              .preprocessing = model.directory.preprocessing,
                              .tokenizer = model.directory.directory,
                              .start_token = tokenizer ? std::optional<int>(tokenizer->start_token()) : std::nullopt,
                              .origin = [&](const std::string& name) { return origin_of(checkpoint, naming, name); },
                              .find = [&](const std::string& name) { return checkpoint.find(name); }},
                             options.type, options.progress);
  made.publish(options.replace);
  return written;
}

}  // namespace clipdex::encoder

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <iostream>
#include <memory>
#include <stdexcept>

#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/input_files.h"
#include "cli/json_line.h"
#include "cli/table.h"
#include "cli/target.h"
#include "engine/identifiers.h"
#include "http/client.h"

namespace clipdex::cli {
namespace {

struct SnapshotOptions {
  TargetOptions target;
  std::string name, snapshot, directory;
  bool json = false;
};

// A snapshot's name is a folder's below the data directory, and nowhere else.
std::string check_name(const std::string& name) {
  try {
    engine::check_collection_name(name);
    return "";
  } catch (const std::invalid_argument&) {
    return "a snapshot's name has 1 to 64 of a-z, 0-9, \"-\" and \"_\", and begins with a letter or a digit";
  }
}

void report(const char* what, const std::string& where, const engine::SnapshotInfo& info, bool json) {
  if (json) {
    std::cout << json_line({{"snapshot", where},
                            {"collections", info.collections},
                            {"images", info.images},
                            {"bytes", info.bytes},
                            {"milliseconds", info.milliseconds}});
  }
  std::fprintf(stderr, "%s %s: %zu collections, %s images, %s, in %.0f ms\n", what, printable(where, /*columns_max=*/500).c_str(),
               info.collections, std::to_string(info.images).c_str(), human_bytes(static_cast<double>(info.bytes)).c_str(),
               info.milliseconds);
}

int create(const SnapshotOptions& options) {
  const auto made = open_target(options.target)->create_snapshot(options.name);
  report("made the snapshot", made.path.filename().string(), made.info, options.json);
  return kSuccess;
}

// Without the model, and while another process has the data directory.
std::vector<std::string> snapshots_in(const std::string& data_directory) {
  const auto folder = engine::snapshots_folder(data_directory);
  std::vector<std::string> names;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    std::error_code unknown;
    auto name = entry->path().filename().string();
    // What is still being made has another kind of name.
    if (entry->is_directory(unknown) && check_name(name).empty()) names.push_back(std::move(name));
  }
  if (error && error != std::errc::no_such_file_or_directory)
    throw std::runtime_error("cannot read " + folder.string() + ": " + error.message());
  std::sort(names.begin(), names.end());
  return names;
}

int list(const SnapshotOptions& options) {
  const auto place = place_of(options.target);
  if (!place.data.empty() && !std::filesystem::exists(place.data)) throw std::runtime_error("there is no data directory " + place.data);
  for (const auto& name : place.data.empty() ? http::Client(place.server).snapshots() : snapshots_in(place.data))
    std::cout << (options.json ? json_line({{"name", name}}) : printable(name, /*columns_max=*/200) + "\n");
  return kSuccess;
}

int restore(const SnapshotOptions& options) {
  std::filesystem::path snapshot = options.snapshot;
  std::error_code ignored;
  // A name, of a snapshot of --data.
  if (!options.target.data.empty()) snapshot = engine::snapshots_folder(options.target.data) / options.snapshot;
  if (!std::filesystem::is_directory(snapshot, ignored))
    throw std::invalid_argument("there is no snapshot " + as_text(snapshot.string()) + ": it is a folder like DATA/snapshots/NAME");
  report("restored to", as_text(options.directory), engine::restore_snapshot(snapshot, options.directory), options.json);
  return kSuccess;
}

}  // namespace

void add_snapshot_command(CLI::App& program, Action& action) {
  auto* command = program.add_subcommand("snapshot", "Make, list and restore snapshots of all collections");
  command->require_subcommand(0, 1);
  auto options = std::make_shared<SnapshotOptions>();
  auto* creating = command->add_subcommand("create", "Make a snapshot in DATA/snapshots/NAME; ingest and search go on meanwhile");
  add_target_options(*creating, options->target, /*with_collection=*/false);
  creating->add_option("name", options->name, "Name (default: date and time)")->check(check_name);
  creating->add_flag("--json", options->json, "One JSON line on stdout");
  creating->footer("Examples:\n  clipdex snapshot create before-cleanup\n  clipdex snapshot create --data ./clipdex-data");
  creating->callback([options, &action] { action = [options] { return create(*options); }; });

  auto* listing = command->add_subcommand("list", "The names of the snapshots there are");
  add_target_options(*listing, options->target, /*with_collection=*/false);
  listing->add_flag("--json", options->json, "One JSON line a snapshot on stdout");
  listing->footer("Example:\n  clipdex snapshot list --data ./clipdex-data");
  listing->callback([options, &action] { action = [options] { return list(*options); }; });

  auto* restoring = command->add_subcommand("restore", "Make a new data directory of a snapshot, which stays as it is");
  restoring->add_option("snapshot", options->snapshot, "The snapshot's folder, wherever it was copied to; with --data, its name")
      ->required()
      ->check(check_not_empty);
  restoring->add_option("directory", options->directory, "The new data directory: empty, or not there yet")
      ->required()
      ->check(check_not_empty);
  restoring->add_option("--data", options->target.data, "The data directory that has the snapshot")->check(check_not_empty);
  restoring->add_flag("--json", options->json, "One JSON line on stdout");
  restoring->footer(
      "Examples:\n  clipdex snapshot restore ./clipdex-data/snapshots/before-cleanup ./restored\n  clipdex serve --data ./restored");
  restoring->callback([options, &action] { action = [options] { return restore(*options); }; });
  command->footer(
      "Snapshots share files with the collections by hard links: they are quick, and take space as the collections change.\n"
      "Example:\n  clipdex snapshot create before-cleanup --data ./clipdex-data");
}

}  // namespace clipdex::cli

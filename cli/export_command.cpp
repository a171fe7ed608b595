#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <optional>
#include <stdexcept>

#include "cli/arguments.h"
#include "cli/collection_export.h"
#include "cli/command.h"
#include "cli/input_files.h"
#include "cli/progress.h"
#include "cli/stop_signal.h"
#include "cli/target.h"

namespace clipdex::cli {
namespace {

struct ExportOptions {
  TargetOptions target;
  std::string folder;
  bool force = false;
};

int export_images(const ExportOptions& options) {
  if (!place_of(options.target).server.empty()) {
    throw std::invalid_argument(
        "a collection is exported from a data directory: name it with --data; while its server runs, restore a snapshot of it elsewhere "
        "and "
        "export that");
  }
  const auto target = open_target(options.target);
  const auto statistics = target->collection(options.target.collection);
  const StopSignal stop;
  std::optional<Progress> progress(std::in_place, "images", statistics ? statistics->images : 0);
  const auto images = export_collection(*target, options.target.collection, options.folder, options.force, [&] {
    if (stop.requested()) throw std::runtime_error("stopped: nothing was exported");
    progress->advance(1);
  });
  const double seconds = progress->seconds();
  progress.reset();
  std::fprintf(stderr, "%zu images in %.1f s: %s/records.jsonl and embeddings.npy, in the same order\n", images, seconds,
               as_text(options.folder).c_str());
  return kSuccess;
}

}  // namespace

void add_export_command(CLI::App& program, Action& action) {
  auto* command = program.add_subcommand("export", "Write ids, metadata and embeddings of a collection to files that other programs read");
  auto options = std::make_shared<ExportOptions>();
  command->add_option("folder", options->folder, "Folder for records.jsonl and embeddings.npy; made if it is missing")
      ->required()
      ->check(check_not_empty);
  add_target_options(*command, options->target);
  command->add_flag("--force", options->force, "Replace files of an earlier export");
  command->footer(
      "records.jsonl has a JSON record a line, as \"clipdex list --json\" prints them; embeddings.npy is float32 [n, d] in the same order, "
      "each row of length 1. Works on a data directory (--data), not on a server.\n"
      "Example:\n  clipdex export ./photos-export -c photos --data ./clipdex-data\n"
      "  python3 -c \"import numpy; print(numpy.load('photos-export/embeddings.npy', mmap_mode='r').shape)\"");
  command->callback([options, &action] { action = [options] { return export_images(*options); }; });
}

}  // namespace clipdex::cli

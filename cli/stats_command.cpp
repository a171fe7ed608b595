#include <CLI/CLI.hpp>
#include <cstdio>
#include <iostream>
#include <memory>

#include "cli/command.h"
#include "cli/table.h"
#include "cli/target.h"
#include "http/json_text.h"

namespace clipdex::cli {
namespace {

struct StatsOptions {
  TargetOptions target;
  bool json = false;
};

int stats(const StatsOptions& options) {
  const auto target = open_target(options.target);
  const auto collections = target->collections();
  std::vector<std::vector<std::string>> rows;
  for (const auto& s : collections) {
    if (options.json) std::cout << http::to_json_text(s) << '\n';
    std::string types;
    for (const auto& [type, count] : s.index_types) types += (types.empty() ? " (" : ", ") + type + " " + std::to_string(count);
    if (!types.empty()) types += ")";
    rows.push_back({s.name, std::to_string(s.images), human_bytes(static_cast<double>(s.disk_bytes)),
                    human_bytes(static_cast<double>(s.index_memory_bytes)) +
                        (s.index_device_bytes > 0 ? " + " + human_bytes(static_cast<double>(s.index_device_bytes)) + " on the GPU" : ""),
                    s.settings.index_type + ", " + std::to_string(s.index_segments) + " segments" + types + ", " +
                        std::to_string(s.index_buffered) + " buffered",
                    s.model_name});
  }
  if (!options.json) print_table(std::cout, {"collection", "images", "disk", "index memory", "index", "model"}, rows);
  for (const auto& bad : target->unusable_collections())
    std::fprintf(stderr, "%s cannot be used: %s\n", bad.name.c_str(), bad.reason.c_str());
  return kSuccess;
}

}  // namespace

void add_stats_command(CLI::App& program, Action& action) {
  auto* command = program.add_subcommand("stats", "Counts and sizes of all collections");
  auto options = std::make_shared<StatsOptions>();
  add_target_options(*command, options->target, /*with_collection=*/false);
  command->add_flag("--json", options->json, "One JSON line a collection on stdout");
  command->footer("Example:\n  clipdex stats --data ./clipdex-data");
  command->callback([options, &action] { action = [options] { return stats(*options); }; });
}

}  // namespace clipdex::cli

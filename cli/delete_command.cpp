#include <CLI/CLI.hpp>
#include <cstdio>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/json_line.h"
#include "cli/table.h"
#include "cli/target.h"

namespace clipdex::cli {
namespace {

struct DeleteOptions {
  TargetOptions target;
  std::vector<std::string> ids;
  bool json = false;
};

int remove(const DeleteOptions& options) {
  const auto target = open_target(options.target);
  constexpr std::size_t kIdColumns = 512;
  std::size_t deleted = 0;
  for (const auto& id : options.ids) {
    const bool existed = target->remove(options.target.collection, id);
    deleted += existed ? 1 : 0;
    if (options.json) std::cout << json_line({{"id", id}, {"status", existed ? "deleted" : "not_found"}});
    if (!existed) std::fprintf(stderr, "there is no image \"%s\"\n", printable(id, kIdColumns).c_str());
  }
  std::fprintf(stderr, "%zu of %zu deleted\n", deleted, options.ids.size());
  if (deleted == 0) return kFailure;
  return deleted == options.ids.size() ? kSuccess : kPartlyDone;
}

}  // namespace

void add_delete_command(CLI::App& program, Action& action) {
  auto* command = program.add_subcommand("delete", "Delete images by their ids");
  auto options = std::make_shared<DeleteOptions>();
  command->add_option("ids", options->ids, "Ids, as \"clipdex list\" shows them")->required()->check(check_text);
  add_target_options(*command, options->target);
  command->add_flag("--json", options->json, "One JSON line an id on stdout");
  command->footer("Example:\n  clipdex delete -c photos 2019/beach.jpg 2019/blurred.jpg");
  command->callback([options, &action] { action = [options] { return remove(*options); }; });
}

}  // namespace clipdex::cli

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <iostream>
#include <memory>
#include <stdexcept>

#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/target.h"
#include "http/json_text.h"

namespace clipdex::cli {
namespace {

struct CollectionOptions {
  TargetOptions target;
  std::string name, store = "thumbnail", index = "auto";
  bool yes = false, json = false;
};

int create(const CollectionOptions& options) {
  engine::CollectionSettings settings{.index_type = options.index};
  settings.store = engine::stored_content_from_name(options.store).value_or(settings.store);
  open_target(options.target, DataDirectory::kMade)->create_collection(options.name, settings);
  std::fprintf(stderr, "the collection \"%s\" is there\n", options.name.c_str());
  return kSuccess;
}

int show(const CollectionOptions& options) {
  const auto statistics = open_target(options.target)->collection(options.name);
  if (!statistics) throw std::runtime_error("there is no collection \"" + options.name + "\"");
  std::cout << http::to_json_text(*statistics) << '\n';
  return kSuccess;
}

int list(const CollectionOptions& options) {
  const auto target = open_target(options.target);
  for (const auto& statistics : target->collections()) std::cout << http::to_json_text(statistics) << '\n';
  for (const auto& bad : target->unusable_collections())
    std::fprintf(stderr, "%s cannot be used: %s\n", bad.name.c_str(), bad.reason.c_str());
  return kSuccess;
}

bool confirmed(const CollectionOptions& options) {
  if (options.yes) return true;
  if (::isatty(STDIN_FILENO) != 1) throw std::invalid_argument("dropping a collection cannot be undone: say --yes if you mean it");
  std::fprintf(stderr, "Drop \"%s\" with all its images? This cannot be undone. [y/N] ", options.name.c_str());
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "yes";
}

int drop(const CollectionOptions& options) {
  if (!confirmed(options)) {
    std::fputs("nothing was dropped\n", stderr);
    return kFailure;
  }
  if (!open_target(options.target)->drop_collection(options.name))
    throw std::runtime_error("there is no collection \"" + options.name + "\"");
  std::fprintf(stderr, "the collection \"%s\" is gone\n", options.name.c_str());
  return kSuccess;
}

using Run = int (*)(const CollectionOptions&);

CLI::App* add(CLI::App& parent, const std::string& name, const std::string& what, Run run, Action& action,
              std::shared_ptr<CollectionOptions>& options) {
  auto* command = parent.add_subcommand(name, what);
  options = std::make_shared<CollectionOptions>();
  add_target_options(*command, options->target, /*with_collection=*/false);
  command->callback([options, run, &action] { action = [options, run] { return run(*options); }; });
  return command;
}

}  // namespace

void add_collection_command(CLI::App& program, Action& action) {
  auto* command = program.add_subcommand("collection", "Make, show, list and drop collections");
  command->require_subcommand(0, 1);
  std::shared_ptr<CollectionOptions> options;
  auto* creating = add(*command, "create", "Make a collection; nothing changes if it is there", create, action, options);
  creating->add_option("name", options->name, "Name: 1 to 64 of a-z, 0-9, _ and -")->required()->check(check_text);
  creating->footer("Example:\n  clipdex collection create photos --store original --data ./clipdex-data");
  creating
      ->add_option("--store", options->store,
                   "What to keep of each picture besides its embedding and metadata; an original comes with its thumbnail")
      ->check(CLI::IsMember({"none", "thumbnail", "original"}))
      ->capture_default_str();
  creating->add_option("--index", options->index, "auto, flat (exact), hnsw or ivf_pq; auto chooses by size and memory")
      ->check(CLI::IsMember({"auto", "flat", "hnsw", "ivf_pq"}))
      ->capture_default_str();
  auto* showing = add(*command, "show", "Counts, sizes and settings as JSON", show, action, options);
  showing->add_option("name", options->name, "Name")->required()->check(check_text);
  showing->add_flag("--json", options->json, "JSON, which is what there is");
  showing->footer("Example:\n  clipdex collection show photos");
  auto* listing = add(*command, "list", "All collections, a JSON line each", list, action, options);
  listing->add_flag("--json", options->json, "JSON lines, which is what there is");
  listing->footer("Example:\n  clipdex collection list --data ./clipdex-data");
  auto* dropping = add(*command, "drop", "Drop a collection with all its images", drop, action, options);
  dropping->add_option("name", options->name, "Name")->required()->check(check_text);
  dropping->footer("Example:\n  clipdex collection drop photos --yes");
  dropping->add_flag("--yes", options->yes, "Do not ask");
  command->footer("Examples:\n  clipdex collection create photos --store original\n  clipdex collection drop photos --yes");
}

}  // namespace clipdex::cli

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "cli/command.h"
#include "cli/table.h"
#include "cli/target.h"
#include "http/json_text.h"

namespace clipdex::cli {
namespace {

struct ListOptions {
  TargetOptions target;
  std::size_t limit = 0;
  bool json = false;
};

void print(const std::vector<engine::ImageRecord>& images, bool json) {
  constexpr std::size_t kIdColumns = 48, kCaptionColumns = 60;
  for (const auto& record : images) {
    if (json) {
      std::cout << http::to_json_text(record) << '\n';
    } else {
      std::cout << printable(record.id, kIdColumns) << '\t' << record.width << 'x' << record.height << '\t' << record.format << '\t'
                << human_bytes(static_cast<double>(record.bytes)) << '\t'
                << printable(caption_of(record.metadata, record.source), kCaptionColumns) << '\n';
    }
  }
}

int list(const ListOptions& options) {
  constexpr std::size_t kPage = 500;
  const auto target = open_target(options.target);
  std::string after;
  std::size_t left = options.limit == 0 ? SIZE_MAX : options.limit;
  do {
    const auto page = target->list(options.target.collection, after, std::min(kPage, left));
    print(page.images, options.json);
    left -= page.images.size();
    after = page.next_after_id;
  } while (!after.empty() && left > 0 && std::cout.good());
  return kSuccess;
}

}  // namespace

void add_list_command(CLI::App& program, Action& action) {
  auto* command = program.add_subcommand("list", "List the images of a collection in order of their ids");
  auto options = std::make_shared<ListOptions>();
  add_target_options(*command, options->target);
  command->add_option("-n,--limit", options->limit, "At most so many; 0: all")->capture_default_str();
  command->add_flag("--json", options->json, "One JSON line a record on stdout");
  command->footer("Examples:\n  clipdex list -c photos\n  clipdex list -c photos --json | wc -l");
  command->callback([options, &action] { action = [options] { return list(*options); }; });
}

}  // namespace clipdex::cli

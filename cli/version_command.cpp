#include <CLI/CLI.hpp>
#include <iostream>
#include <string>

#include "cli/command.h"

namespace clipdex::cli {

std::string version_text() {
  return std::string("clipdex ") + CLIPDEX_VERSION + " (" + CLIPDEX_BUILD_TYPE + ", C++ " + std::to_string(__cplusplus) + ", compiler " +
         __VERSION__ + ")";
}

void add_version_command(CLI::App& program, Action& action) {
  auto* command = program.add_subcommand("version", "Print the version");
  command->footer("Example:\n  clipdex version");
  command->callback([&action] {
    action = [] {
      std::cout << version_text() << '\n';
      return kSuccess;
    };
  });
}

}  // namespace clipdex::cli

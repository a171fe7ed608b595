#include <CLI/CLI.hpp>
#include <iostream>

#include "cli/command.h"

namespace clipdex::cli {

void add_version_command(CLI::App& program, Action& action) {
  auto* command = program.add_subcommand("version", "Print the version");
  command->callback([&action] {
    action = [] {
      std::cout << "clipdex " << CLIPDEX_VERSION << " (" << CLIPDEX_BUILD_TYPE << ", C++ " << __cplusplus << ", compiler " << __VERSION__ << ")\n";
      return kSuccess;
    };
  });
}

}  // namespace clipdex::cli

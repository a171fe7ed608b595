#include "cli/command.h"

#include <poll.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <exception>
#include <iostream>
#include <stdexcept>

#include "cli/arguments.h"
#include "cli/table.h"
#include "engine/errors.h"
#include "http/client.h"

namespace clipdex::cli {
namespace {

int report(int code, const std::string& message) {
  // It may quote an id or a server's answer: neither is to drive the terminal or to fill it.
  constexpr std::size_t kColumnsMax = 2000;
  std::cerr << "clipdex: " << printable(message, kColumnsMax) << '\n';
  return code;
}

// Whoever reads our output has gone away, as "head" does.
bool reader_is_gone() {
  pollfd out{.fd = STDOUT_FILENO, .events = POLLOUT, .revents = 0};
  return ::poll(&out, 1, 0) == 1 && (out.revents & POLLERR) != 0;
}

int exit_code_of(const std::exception_ptr& exception) {
  try {
    std::rethrow_exception(exception);
  } catch (const http::ClientError& error) {
    // The server found fault with what the user asked for.
    const bool wrong_use = error.code() == "invalid_value" || error.code() == "malformed_request";
    return report(wrong_use ? kWrongUse : kFailure, error.what());
  } catch (const std::invalid_argument& error) {
    return report(kWrongUse, error.what());
  } catch (const std::exception& error) {
    return report(kFailure, error.what());
  }
}

// Words that no command takes.
int unexpected(const CLI::App& program, const CLI::ExtrasError& error) {
  if (!program.get_subcommands().empty()) return program.exit(error, std::cerr, std::cerr) == 0 ? kSuccess : kWrongUse;
  return report(kWrongUse, "there is no command \"" + program.remaining().front() + "\": \"clipdex --help\" lists them");
}

}  // namespace

int run(int argc, char** argv) {
  // A server that hangs up is an error to report, not the end of this process.
  std::signal(SIGPIPE, SIG_IGN);
  // stdout is for results; logs and progress go to stderr.
  spdlog::set_default_logger(spdlog::stderr_color_mt("clipdex"));
  spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %^%l%$ %v", spdlog::pattern_time_type::utc);
  spdlog::set_level(spdlog::level::warn);

  CLI::App program("clipdex: search pictures by what is in them", "clipdex");
  program.require_subcommand(0, 1);  // none at all is met below, with the help
  program.set_version_flag("--version", version_text(), "Print the version and exit");
  program.footer("Each command has --help with examples. Exit codes: 0 success, 1 failure, 2 wrong use, 3 some inputs failed.");
  Action action;
  add_serve_command(program, action);
  add_ingest_command(program, action);
  add_search_command(program, action);
  add_list_command(program, action);
  add_delete_command(program, action);
  add_stats_command(program, action);
  add_collection_command(program, action);
  add_snapshot_command(program, action);
  add_export_command(program, action);
  add_embed_command(program, action);
  add_classify_command(program, action);
  add_model_command(program, action);
  add_train_command(program, action);
  add_eval_command(program, action);
  add_version_command(program, action);
  remove_marks(program);
  try {
    program.parse(marked_arguments(argc, argv));
  } catch (const CLI::ExtrasError& error) {
    return unexpected(program, error);
  } catch (const CLI::ParseError& error) {
    return program.exit(error) == 0 ? kSuccess : kWrongUse;
  }
  if (!action) {
    std::cerr << program.help();
    return kWrongUse;
  }
  try {
    const int code = action();
    std::cout.flush();
    if (std::cout.good()) return code;
    return reader_is_gone() ? kFailure : report(kFailure, "the output cannot be written: is the disk full?");
  } catch (...) {
    std::cout.flush();
    return exit_code_of(std::current_exception());
  }
}

}  // namespace clipdex::cli

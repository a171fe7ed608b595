// The command line: one file per command, exceptions mapped to exit codes in one place.
#pragma once

#include <functional>
#include <string>

namespace CLI {
class App;
}

namespace clipdex::cli {

inline constexpr int kSuccess = 0;
inline constexpr int kFailure = 1;
inline constexpr int kWrongUse = 2;
inline constexpr int kPartlyDone = 3;  // some inputs failed

// What the parsed command line asks for; returns the exit code.
using Action = std::function<int()>;

// "clipdex 0.1.0 (...)"
std::string version_text();

// Parses, runs, and says on stderr what went wrong. Returns the exit code.
int run(int argc, char** argv);

// Each adds its command to the program; parsing it sets `action`.
void add_serve_command(CLI::App& program, Action& action);
void add_ingest_command(CLI::App& program, Action& action);
void add_search_command(CLI::App& program, Action& action);
void add_list_command(CLI::App& program, Action& action);
void add_delete_command(CLI::App& program, Action& action);
void add_stats_command(CLI::App& program, Action& action);
void add_collection_command(CLI::App& program, Action& action);
void add_embed_command(CLI::App& program, Action& action);
void add_classify_command(CLI::App& program, Action& action);
void add_snapshot_command(CLI::App& program, Action& action);
void add_export_command(CLI::App& program, Action& action);
void add_model_command(CLI::App& program, Action& action);
void add_train_command(CLI::App& program, Action& action);
void add_eval_command(CLI::App& program, Action& action);
void add_version_command(CLI::App& program, Action& action);

}  // namespace clipdex::cli

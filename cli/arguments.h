// What CLI11 leaves to be said about arguments.
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace clipdex::cli {

// Checks for CLI::Option::check(): what is wrong with the value, or "".
std::string check_not_empty(const std::string& value);
// Of text that goes to the engine or a server: valid UTF-8, and not empty.
std::string check_text(const std::string& value);
// "http://host:port", as http::Client takes it, without a path.
std::string check_address(const std::string& value);

// CLI11 splits an argument "[a,b]" into two where an option takes several. These two keep a folder "[2019]" whole: the first marks such
// arguments and returns all of them in the reverse order that CLI::App::parse() wants, the second has every option take the mark off.
std::vector<std::string> marked_arguments(int argc, char** argv);
void remove_marks(CLI::App& program);

}  // namespace clipdex::cli

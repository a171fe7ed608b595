// What every command has in common: help, wrong use, clean output, the environment.
#include <catch2/catch_test_macros.hpp>

#include "tests/cli/collections.h"

namespace {

namespace fs = std::filesystem;
using namespace clipdex::tests;

const std::vector<std::vector<std::string>> kCommands = {{"serve"},
                                                         {"ingest"},
                                                         {"search"},
                                                         {"list"},
                                                         {"delete"},
                                                         {"stats"},
                                                         {"collection"},
                                                         {"embed"},
                                                         {"classify"},
                                                         {"collection", "create"},
                                                         {"model"},
                                                         {"collection", "show"},
                                                         {"collection", "list"},
                                                         {"version"},
                                                         {"collection", "drop"},
                                                         {"model", "inspect"},
                                                         {"model", "tokenize"},
                                                         {"model", "preprocess"},
                                                         {"model", "convert"},
                                                         {"train"},
                                                         {"eval"},
                                                         {"eval", "retrieval"},
                                                         {"eval", "zero-shot"},
                                                         {"export"},
                                                         {"snapshot"},
                                                         {"snapshot", "create"},
                                                         {"snapshot", "list"},
                                                         {"snapshot", "restore"}};

std::string text_of(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

// Exit code 2, nothing on stdout, and `word` in the message.
void check_wrong_use(const std::vector<std::string>& arguments, const std::string& word) {
  const auto outcome = run_clipdex(arguments);
  CAPTURE(text_of(arguments), outcome.error);
  CHECK(outcome.exit_code == 2);
  CHECK(outcome.out.empty());
  CHECK(contains(outcome.error, word));
}

// A data directory with three pictures in the collection "images".
fs::path small_data(const fs::path& scratch) {
  const auto folder = copy_pictures(scratch / "pictures", {"lemon.png", "pizza.png", "rocket.png"});
  output_of({"ingest", folder.string(), "--data", (scratch / "data").string(), "--json"});
  return scratch / "data";
}

}  // namespace

TEST_CASE("the help of every command succeeds and shows an example that begins with the command") {
  for (const auto& command : kCommands) {
    const auto outcome = run_clipdex(with(command, {"--help"}));
    CAPTURE(text_of(command));
    CHECK(outcome.exit_code == 0);
    CHECK(outcome.error.empty());
    CHECK(contains(outcome.out, "Example"));
    CHECK(contains(outcome.out, "\n  clipdex " + text_of(command)));
  }
}

TEST_CASE("the program's help lists every command and the exit codes") {
  const auto outcome = run_clipdex({"--help"});
  CHECK(outcome.exit_code == 0);
  CHECK(contains(outcome.out, "Exit codes"));
  for (const auto& command : kCommands) CHECK(contains(outcome.out, "\n  " + command[0] + " "));
}

TEST_CASE("without a command the help is shown on stderr, and that is wrong use") {
  check_wrong_use({}, "Subcommands:");
  check_wrong_use({"model"}, "tokenize");
  check_wrong_use({"collection"}, "drop");
}

TEST_CASE("the version is told by a command and by an option") {
  const auto outcome = run_clipdex({"version"});
  CHECK(outcome.exit_code == 0);
  CHECK(outcome.out.starts_with("clipdex "));
  CHECK(run_clipdex({"--version"}).out == outcome.out);
}

TEST_CASE("unknown commands and options and missing arguments are wrong use, and the message names them") {
  check_wrong_use({"serch", "x"}, "\"serch\"");
  check_wrong_use({"search", "x", "--colection", "y"}, "--colection");
  check_wrong_use({"model", "explain"}, "explain");
  check_wrong_use({"ingest"}, "there is nothing to ingest");
  check_wrong_use({"delete"}, "ids");
  check_wrong_use({"collection", "drop"}, "name");
  check_wrong_use({"search", "x", "--limit"}, "--limit");
}

TEST_CASE("options that contradict each other are wrong use") {
  check_wrong_use({"list", "--server", "http://127.0.0.1:1", "--data", "/nowhere"}, "--server and --data exclude each other");
  check_wrong_use({"list", "--server", "http://127.0.0.1:1", "--model", "/nowhere"}, "--model goes with --data");
  check_wrong_use({"search", "x", "--id", "y", "--data", "/nowhere"}, "exactly one of TEXT, --image, --id and --vector");
  check_wrong_use({"search", "--data", "/nowhere"}, "exactly one of TEXT, --image, --id and --vector");
}

TEST_CASE("values outside of what is possible are wrong use, whether there is data or not") {
  for (const auto* limit : {"0", "1001", "-1", "ten"}) check_wrong_use({"search", "x", "--limit", limit}, "--limit");
  for (const auto* score : {"nan", "1.5"}) check_wrong_use({"search", "x", "--min-score", score}, "--min-score");
  check_wrong_use({"list", "--limit", "-1"}, "--limit");
  for (const auto* port : {"65536", "http"}) check_wrong_use({"serve", "--port", port}, "--port");
  check_wrong_use({"serve", "--max-body", "0"}, "--max-body");
  check_wrong_use({"serve", "--log-level", "loud"}, "--log-level");
  check_wrong_use({"serve", "--gpu-index-devices", "0,x"}, "--gpu-index-devices");
  check_wrong_use({"serve", "--gpu-index-spread", "half"}, "--gpu-index-spread");
  check_wrong_use({"ingest", ".", "--id-from", "name"}, "--id-from");
  check_wrong_use({"collection", "create", "x", "--store", "all"}, "--store");
}

TEST_CASE("empty values and values that are no text are wrong use, never something else by chance") {
  check_wrong_use({"search", ""}, "text: it is empty");
  check_wrong_use({"search", "a\xFF"}, "not valid UTF-8");
  check_wrong_use({"search", "--id", ""}, "--id");
  check_wrong_use({"delete", ""}, "ids");
  check_wrong_use({"delete", "\xFF"}, "not valid UTF-8");
  check_wrong_use({"list", "--data", ""}, "--data");
  check_wrong_use({"list", "--server", ""}, "--server");
  check_wrong_use({"list", "-c", ""}, "--collection");
  check_wrong_use({"collection", "create", ""}, "name");
  check_wrong_use({"serve", "--data", ""}, "--data");
}

TEST_CASE("an input that does not exist, and a folder without pictures, are wrong use and make no data directory") {
  const TemporaryDirectory directory;
  const auto data = directory.path() / "data";
  check_wrong_use({"ingest", (directory.path() / "nowhere").string(), "--data", data.string()}, "nowhere");
  check_wrong_use({"ingest", directory.path().string(), "--data", data.string()}, ".jpg, .jpeg, .png");
  CHECK(!fs::exists(data));
}

TEST_CASE("a data directory that is not there is not made by commands that only look") {
  const TemporaryDirectory directory;
  const auto data = (directory.path() / "typo").string();
  for (const std::vector<std::string>& command :
       {std::vector<std::string>{"search", "x"}, {"list"}, {"stats"}, {"delete", "x"}, {"collection", "list"}}) {
    const auto outcome = run_clipdex(with(command, {"--data", data}));
    CAPTURE(text_of(command));
    CHECK(outcome.exit_code == 1);
    CHECK(contains(outcome.error, data));
    CHECK(!fs::exists(data));
  }
}

TEST_CASE("what is no address of a server is wrong use, a path behind it included") {
  for (const std::string address : {"ftp://x", "127.0.0.1:8080", "http://", "http://127.0.0.1:99999", "http://127.0.0.1:8080/v1"}) {
    check_wrong_use({"list", "--server", address}, address);
  }
  const auto outcome = run_clipdex({"list"}, {"CLIPDEX_SERVER=127.0.0.1"});
  CHECK(outcome.exit_code == 2);
  CHECK(contains(outcome.error, "CLIPDEX_SERVER"));
}

TEST_CASE("a message never drives the terminal and never fills it") {
  const auto outcome = run_clipdex({"ingest", "\x1B[31m" + std::string(100'000, 'x')});
  CHECK(outcome.exit_code == 2);
  CHECK(!contains(outcome.error, "\x1B"));
  CHECK(outcome.error.size() < 5000);
}

TEST_CASE("no server at the address fails with the address and the remedy") {
  const auto outcome = run_clipdex({"search", "x", "--server", "http://127.0.0.1:1"});
  CHECK(outcome.exit_code == 1);
  CHECK(contains(outcome.error, "http://127.0.0.1:1"));
  CHECK(contains(outcome.error, "clipdex serve"));
}

TEST_CASE("with --json every line on stdout is JSON, and counts and times are on stderr") {
  const TemporaryDirectory directory;
  const auto data = small_data(directory.path()).string();
  for (const std::vector<std::string>& command : {std::vector<std::string>{"ingest", (directory.path() / "pictures").string()},
                                                  {"search", "a rocket"},
                                                  {"list"},
                                                  {"stats"},
                                                  {"delete", "lemon.png", "pizza.png"}}) {
    const auto outcome = run_clipdex(with(command, {"--json", "--data", data}));
    CAPTURE(text_of(command), outcome.error);
    CHECK(outcome.exit_code == 0);
    CHECK(!json_lines(outcome.out).empty());
    for (const auto& line : json_lines(outcome.out)) CHECK(line.is_object());
  }
}

TEST_CASE("a reader that goes away early ends the output without a word, and a full disk is reported") {
  const TemporaryDirectory directory;
  const auto data = "--data '" + small_data(directory.path()).string() + "'";
  const auto gone =
      run_shell("{ \"$clipdex\" list --json " + data + "; echo $? > '" + (directory.path() / "code").string() + "'; } | true");
  CHECK(gone.error.empty());
  const auto code = std::stoi(read_file(directory.path() / "code"));
  CHECK((code == 0 || code == 1));  // 0 if it had written before the reader went
  const auto first = run_shell("\"$clipdex\" list --json " + data + " | head -n 1");
  CHECK(first.error.empty());
  CHECK(json_lines(first.out).size() == 1);
  for (const std::string command : {"list", "list --json", "search rocket", "stats"}) {
    const auto full = run_shell(std::string("exec \"$clipdex\" ").append(command).append(" ").append(data).append(" > /dev/full"));
    CAPTURE(command, full.error);
    CHECK(full.exit_code == 1);
    CHECK(contains(full.error, "the output cannot be written"));
  }
}

TEST_CASE("CLIPDEX_DATA names the data directory, CLIPDEX_SERVER the server and CLIPDEX_MODEL the model") {
  const TemporaryDirectory directory;
  const auto data = small_data(directory.path()).string();
  write_other_model(directory.path() / "other");
  CHECK(output_of({"list", "--json"}, {"CLIPDEX_DATA=" + data}).size() == 3);
  CHECK(output_of({"list", "--json", "--data", data}, {"CLIPDEX_SERVER=http://127.0.0.1:1"}).size() == 3);  // what is said wins
  const auto refused = run_clipdex({"list", "--data", data}, {"CLIPDEX_MODEL=" + (directory.path() / "other").string()});
  CHECK(refused.exit_code == 1);
  CHECK(contains(refused.error, "model"));
  const auto both = run_clipdex({"list"}, {"CLIPDEX_DATA=" + data, "CLIPDEX_SERVER=http://127.0.0.1:1"});
  CHECK(both.exit_code == 2);
  CHECK(contains(both.error, "CLIPDEX_SERVER and CLIPDEX_DATA are both set"));
  const RunningServer server(data);
  CHECK(output_of({"list", "--json"}, {"CLIPDEX_SERVER=" + server.url()}).size() == 3);
}

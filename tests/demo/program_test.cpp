// The program itself: its exit codes and what it says.
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/clipdex_program.h"
#include "tests/temporary_directory.h"

using namespace clipdex::tests;
using Catch::Matchers::ContainsSubstring;

namespace {

Outcome run_gallery(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), std::string(CLIPDEX_BINARY_DIR) + "/emoji_gallery");
  return run_program(arguments);
}

}  // namespace

TEST_CASE("wrong options end with exit code 2 and name what is wrong") {
  const TemporaryDirectory directory;
  const std::string out = directory.path() / "out";
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{}, "which folder"},
      {{out, "--set", "everything"}, "everything"},
      {{out, "--set", "singles", "--count", "5"}, "--count"},
      {{out, "--set", "pairs", "--count", "90000000"}, "held-out pairs"},
      {{out, "--side", "8"}, "--side"},
      {{out, "--quality", "101"}, "--quality"},
      {{out, "--scenes", "1.5"}, "--scenes"},
      {{out, "--captions", "0"}, "--captions"},
      {{out, "--format", "zip"}, "--format"},
      {{out, "--shard-size", "0"}, "--shard-size"},
      {{out, "--languages", "en,klingon"}, "klingon"},
      {{out, "--sidd", "8"}, "--sidd"},
  };
  for (const auto& [arguments, named] : cases) {
    const auto outcome = run_gallery(arguments);
    INFO(named);
    CHECK(outcome.exit_code == 2);
    CHECK_THAT(outcome.error, ContainsSubstring(named));
    CHECK_FALSE(std::filesystem::exists(out));
  }
}

TEST_CASE("a missing font ends with exit code 1 and names the package") {
  const TemporaryDirectory directory;
  const auto outcome = run_gallery({directory.path() / "out", "--font", "/nowhere/emoji.ttf"});
  CHECK(outcome.exit_code == 1);
  CHECK_THAT(outcome.error, ContainsSubstring("/nowhere/emoji.ttf") && ContainsSubstring("fonts-noto-color-emoji"));
}

TEST_CASE("the program draws what it is asked for, and lists its emoji") {
  const TemporaryDirectory directory;
  const std::string out = directory.path() / "out";
  const auto outcome = run_gallery({out, "--set", "training", "--count", "20", "--format", "tar", "--shard-size", "10"});
  CHECK(outcome.exit_code == 0);
  CHECK_THAT(outcome.error, ContainsSubstring("20 pictures"));
  CHECK(std::filesystem::exists(out + "/shard-000001.tar"));
  const auto list = run_gallery({"--list", "--languages", "en,zh"});
  CHECK(list.exit_code == 0);
  CHECK_THAT(list.out, ContainsSubstring("🍎\tred apple\t红苹果\n"));
}

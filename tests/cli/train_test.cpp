// clipdex train and clipdex eval as a person uses them.
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "tests/clipdex_program.h"
#include "tests/encoder/training/sample_pairs.h"
#include "tests/gallery.h"
#include "tests/temporary_directory.h"

using namespace clipdex::tests;
using Catch::Matchers::ContainsSubstring;
using nlohmann::json;

namespace {

namespace fs = std::filesystem;

// A command that trains in a second or two.
std::vector<std::string> tiny_training(const TemporaryDirectory& data, const fs::path& out, const std::string& steps = "6",
                                       const std::string& checkpoint_every = "2") {
  return {"train",
          write_pairs(data.path(), 32).string(),
          "--config",
          write_tiny_config(data.path()).string(),
          "--vocabulary-size",
          "600",
          "--batch",
          "16",
          "--steps",
          steps,
          "--warmup",
          "1",
          "--checkpoint-every",
          checkpoint_every,
          "--out",
          out.string(),
          "--json"};
}

}  // namespace

TEST_CASE("train makes a model that embed, inspect and eval open") {
  const TemporaryDirectory data, out;
  const auto trained = run_clipdex(tiny_training(data, out.path() / "run"));
  INFO(trained.error);
  REQUIRE(trained.exit_code == 0);
  const auto result = json::parse(trained.out);
  CHECK(result.at("finished") == true);
  CHECK(result.at("step") == 6);
  const std::string model = result.at("model");
  CHECK(fs::exists(out.path() / "run/training.svg"));
  CHECK(json::parse(run_clipdex({"model", "inspect", model, "--json"}).out).at("text").at("context_length") == 16);
  const auto evaluated = run_clipdex({"eval", "retrieval", (data.path() / "pairs.jsonl").string(), "--model", model, "--json"});
  REQUIRE(evaluated.exit_code == 0);
  const auto recalls = json::parse(evaluated.out);
  CHECK(recalls.at("images") == 32);
  CHECK(recalls.at("text_to_image").at("R@10").get<double>() > 0);
}

TEST_CASE("the same command goes on, and is done at once when all is done") {
  const TemporaryDirectory data, out;
  const auto command = tiny_training(data, out.path() / "run");
  REQUIRE(run_clipdex(command).exit_code == 0);
  const auto again = run_clipdex(command);
  CHECK(again.exit_code == 0);
  CHECK_THAT(again.error, ContainsSubstring("going on from"));
  CHECK(json::parse(again.out).at("step") == 6);
  auto other = command;
  other.insert(other.end(), {"--lr", "0.1"});
  const auto refused = run_clipdex(other);
  CHECK(refused.exit_code == 2);
  CHECK_THAT(refused.error, ContainsSubstring("learning_rate"));
}

TEST_CASE("Ctrl-C ends a training with a checkpoint") {
  const TemporaryDirectory data, out;
  auto command = tiny_training(data, out.path() / "run", /*steps=*/"100000");
  command.insert(command.begin(), kProgram);
  ChildProcess process(command);
  while (!fs::exists(out.path() / "run/checkpoints/step-00000002")) {
    REQUIRE_FALSE(process.exit_code());
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  process.signal(SIGINT);
  CHECK(process.wait() == 1);
  CHECK_THAT(process.error(), ContainsSubstring("the same command goes on"));
  const auto result = json::parse(process.out());
  CHECK(result.at("finished") == false);
  char name[32];
  std::snprintf(name, sizeof name, "step-%08d", result.at("step").get<int>());
  CHECK(fs::exists(out.path() / "run/checkpoints" / name / "training_state.json"));
}

TEST_CASE("a training that is killed again and again, between and within checkpoints, ends as one that ran through") {
  const TemporaryDirectory data, out;
  const std::string steps = "100", last_kill_at = "step-00000080";
  const auto whole = run_clipdex(tiny_training(data, out.path() / "whole", steps, /*checkpoint_every=*/"1"));
  INFO(whole.error);
  REQUIRE(whole.exit_code == 0);
  const auto command = tiny_training(data, out.path() / "killed", steps, /*checkpoint_every=*/"1");
  const auto checkpoints = out.path() / "killed/checkpoints";
  // The newest one that is whole, and whether one is being written.
  const auto look = [&] {
    std::pair<std::string, bool> seen;
    std::error_code gone;  // while it is looked at
    for (fs::directory_iterator entry(checkpoints, gone), end; !gone && entry != end; entry.increment(gone)) {
      const auto name = entry->path().filename().string();
      if (name.find(".partial") != std::string::npos) {
        seen.second = true;
      } else {
        seen.first = std::max(seen.first, name);
      }
    }
    return seen;
  };
  int kills = 0, within = 0;
  while (kills < 8 && look().first < last_kill_at) {
    auto with_program = command;
    with_program.insert(with_program.begin(), kProgram);
    ChildProcess process(with_program);
    const auto before = look().first;
    const bool in_checkpoint = kills % 2 == 1;
    while (!process.exit_code() && (look().first <= before || (in_checkpoint && !look().second)))
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    process.signal(SIGKILL);
    process.wait();
    within += look().second ? 1 : 0;
    ++kills;
  }
  CHECK(kills >= 4);
  CHECK(within >= 1);
  const auto last = run_clipdex(command);
  INFO(last.error);
  REQUIRE(last.exit_code == 0);
  CHECK_THAT(last.error, ContainsSubstring("going on from"));
  CHECK_FALSE(look().second);
  CHECK(read_file(out.path() / "killed/model/model.safetensors") == read_file(out.path() / "whole/model/model.safetensors"));
}

TEST_CASE("zero-shot accuracy counts the right class among all") {
  const TemporaryDirectory data;
  // The built-in model on its own gallery: a class a picture.
  std::string table = "filepath,label\n";
  for (const auto* name : {"cat", "pizza", "rocket", "carrot"})
    table += (kGallery / (std::string(name) + ".png")).string() + "," + name + "\n";
  table += (kGallery / "dog.png").string() + ",carrot\n";
  write_file(data.path() / "list.csv", table);
  const auto result = run_clipdex({"eval", "zero-shot", (data.path() / "list.csv").string(), "--templates", "plain", "--json"});
  INFO(result.error);
  REQUIRE(result.exit_code == 0);
  const auto measured = json::parse(result.out);
  CHECK(measured.at("images") == 5);
  CHECK(measured.at("classes").size() == 4);
  CHECK(measured.at("top1") == 80);
  CHECK(measured.at("top5") == 100);
}

TEST_CASE("eval names what cannot be read, and counts the rest") {
  const TemporaryDirectory data;
  write_file(data.path() / "list.tsv", "filepath\ttitle\n" + (kGallery / "cat.png").string() + "\ta cat\nmissing.png\tnothing\n");
  const auto result = run_clipdex({"eval", "retrieval", (data.path() / "list.tsv").string(), "--json"});
  CHECK(result.exit_code == 3);
  CHECK_THAT(result.error, ContainsSubstring("missing.png"));
  CHECK(json::parse(result.out).at("failed") == 1);
  CHECK(json::parse(result.out).at("images") == 1);
  CHECK(run_clipdex({"eval", "retrieval", (data.path() / "none.tsv").string()}).exit_code == 2);
  CHECK(run_clipdex({"eval", "zero-shot", (data.path() / "list.tsv").string()}).exit_code == 2);  // no labels
}

TEST_CASE("the bar of a training tells its loss and the time left on a terminal of 80 columns") {
  const TemporaryDirectory data, out;
  auto command = tiny_training(data, out.path() / "run", /*steps=*/"200", /*checkpoint_every=*/"0");
  command.insert(command.begin(), kProgram);
  std::vector<char*> arguments;
  for (const auto& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  winsize size{.ws_row = 24, .ws_col = 80, .ws_xpixel = 0, .ws_ypixel = 0};
  int terminal = -1;
  const pid_t id = ::forkpty(&terminal, nullptr, nullptr, &size);
  REQUIRE(id >= 0);
  if (id == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::execv(arguments[0], arguments.data());
    ::_exit(127);
  }
  std::string shown;
  char bytes[4096];
  for (ssize_t got = 0; (got = ::read(terminal, bytes, sizeof bytes)) > 0;) shown.append(bytes, static_cast<std::size_t>(got));
  ::close(terminal);
  int status = 0;
  REQUIRE(::waitpid(id, &status, 0) == id);
  CHECK(status == 0);
  CHECK_THAT(shown, ContainsSubstring("loss ") && ContainsSubstring("samples/s") && ContainsSubstring(" left ") && ContainsSubstring("[#"));
  std::size_t longest = 0;
  for (std::size_t at = shown.find("\r\033[K"); at != std::string::npos;) {
    const auto next = std::min(shown.find('\r', at + 1), shown.size());
    if (shown.compare(at + 4, 5, "step ") == 0) longest = std::max(longest, next - at - 4);
    at = shown.find("\r\033[K", at + 1);
  }
  CHECK(longest > 40);
  CHECK(longest < 80);
}

TEST_CASE("what is trained on is not validated on by mistake") {
  const TemporaryDirectory data, out;
  json images = json::array();
  for (std::size_t i = 0; i < 32; ++i) {
    const auto name = std::to_string(i) + ".jpg";
    write_file(data.path() / name, square_picture(i));
    images.push_back({{"filename", name}, {"split", i < 24 ? "train" : "val"}, {"sentences", {{{"raw", square_caption(i)}}}}});
  }
  const auto list = (data.path() / "dataset.json").string();
  write_file(list, json{{"images", images}}.dump());
  auto command = tiny_training(data, out.path() / "run", /*steps=*/"2", /*checkpoint_every=*/"0");
  command[1] = list;
  command.insert(command.end(), {"--validation", list});
  const auto with = [&](std::vector<std::string> more) {
    auto all = command;
    all.insert(all.end(), more.begin(), more.end());
    return run_clipdex(all);
  };
  for (const auto& splits : std::vector<std::vector<std::string>>{
           {"--split", "train"}, {"--validation-split", "val"}, {"--split", "train", "--validation-split", "train"}}) {
    const auto refused = with(splits);
    CHECK(refused.exit_code == 2);
    CHECK_THAT(refused.error, ContainsSubstring("--validation-split"));
  }
  const auto done = with({"--split", "train", "--validation-split", "val"});
  INFO(done.error);
  REQUIRE(done.exit_code == 0);
  CHECK(json::parse(done.out).at("validation").at("images") == 8);
  CHECK_THAT(done.error, ContainsSubstring("R@1/5/10"));
}

TEST_CASE("an empty line among the classes is refused: the numbers behind it would be others") {
  const TemporaryDirectory data;
  write_file(data.path() / "list.csv", "filepath,label\n" + (kGallery / "cat.png").string() + ",1\n");
  write_file(data.path() / "classes.txt", "dog\n\ncat\n");
  const std::vector<std::string> command = {
      "eval", "zero-shot", (data.path() / "list.csv").string(), "--classes", (data.path() / "classes.txt").string(), "--json"};
  const auto refused = run_clipdex(command);
  CHECK(refused.exit_code == 2);
  CHECK_THAT(refused.error, ContainsSubstring("empty line"));
  write_file(data.path() / "classes.txt", "dog\ncat\n\n");
  const auto measured = run_clipdex(command);
  INFO(measured.error);
  REQUIRE(measured.exit_code == 0);
  CHECK(json::parse(measured.out).at("top1") == 100);
}

TEST_CASE("a disk that is full while a checkpoint is written costs that checkpoint alone") {
  const TemporaryDirectory data, disk;
  auto command = tiny_training(data, disk.path() / "run", /*steps=*/"40", /*checkpoint_every=*/"1");
  command.insert(command.end(), {"--keep", "100"});
  std::string line = "mount -t tmpfs -o size=6m tmpfs " + disk.path().string() + " && " + kProgram;
  for (const auto& word : command) line += " " + word;
  // What is on the disk is looked at before it goes with the process.
  line += "; code=$?; for checkpoint in " + disk.path().string() + "/run/checkpoints/*; do " + kProgram +
          " model inspect $checkpoint --json >/dev/null && test -e $checkpoint/training_state.json || exit 9; done; exit $code";
  ChildProcess process({"unshare", "--user", "--map-root-user", "--mount", "sh", "-c", line});
  const int code = process.wait();
  if (process.error().find("mount") != std::string::npos || process.error().find("unshare") != std::string::npos)
    SKIP("no small disk can be made here: " + process.error());
  INFO(process.error());
  CHECK(code == 1);
  CHECK_THAT(process.error(), ContainsSubstring("No space left"));
}

// "clipdex classify": labels from everywhere, many pictures, and a bad one that does not stop the others.
#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>
#include <fstream>

#include "tests/cli/outputs.h"
#include "tests/gallery.h"
#include "tests/temporary_directory.h"

namespace {

using namespace clipdex::tests;

std::string picture(const std::string& name) { return (kGallery / name).string(); }

}  // namespace

TEST_CASE("each picture gets a line with its labels, the most probable first") {
  const auto lines = output_of({"classify", picture("rocket.png"), picture("dog.png"), "--labels", "dog, rocket", "--label", "red apple",
                                "--templates", "plain", "--json"});
  REQUIRE(lines.size() == 2);
  CHECK(lines[0].at("input") == picture("rocket.png"));
  CHECK(lines[0].at("labels")[0].at("label") == "rocket");
  CHECK(lines[1].at("labels")[0].at("label") == "dog");
  for (const auto& line : lines) {
    REQUIRE(line.at("labels").size() == 3);
    double sum = 0;
    for (const auto& label : line["labels"]) sum += label.at("probability").get<double>();
    CHECK(sum == Catch::Approx(1).margin(1e-5));
  }
}

TEST_CASE("labels come from a file too, templates are averaged, and --top cuts") {
  const TemporaryDirectory directory;
  const auto file = directory.path() / "labels.txt";
  std::ofstream(file) << "dog\r\n\n  rocket \nred, ripe apple";
  const auto lines = output_of(
      {"classify", picture("rocket.png"), "--labels-file", file.string(), "--template", "{}", "--template", "a small {}", "--json"});
  REQUIRE(lines.size() == 1);
  REQUIRE(lines[0].at("labels").size() == 3);
  CHECK(lines[0]["labels"][0].at("label") == "rocket");
  const auto top = output_of({"classify", picture("rocket.png"), "--label", "dog", "--label", "rocket", "--label", "red, ripe apple",
                              "--template", "{}", "--template", "a small {}", "--top", "1", "--json"});
  CHECK(top[0].at("labels") == json::array({lines[0]["labels"][0]}));
}

TEST_CASE("a picture that cannot be read is reported and skipped, and the exit code tells") {
  const TemporaryDirectory directory;
  const auto bad = (directory.path() / "bad.png").string();
  std::ofstream(bad) << "no picture";
  const auto outcome = run_clipdex({"classify", bad, picture("dog.png"), "--labels", "dog,rocket", "--templates", "plain", "--json"});
  CHECK(outcome.exit_code == 3);
  CHECK(contains(outcome.error, bad));
  const auto lines = json_lines(outcome.out);
  REQUIRE(lines.size() == 2);
  CHECK(lines[0].at("input") == bad);
  CHECK(lines[0].at("error").at("code") == "unsupported_image");
  CHECK(lines[1].at("labels")[0].at("label") == "dog");
  CHECK(run_clipdex({"classify", bad, "--labels", "dog"}).exit_code == 1);
}

TEST_CASE("a folder's pictures are classified in order, in words for people without --json") {
  const TemporaryDirectory directory;
  for (const auto* name : {"dog.png", "rocket.png"}) std::filesystem::copy_file(kGallery / name, directory.path() / name);
  const auto outcome = run_clipdex({"classify", directory.path().string(), "--labels", "dog,rocket", "--templates", "plain", "--top", "1"});
  CHECK(outcome.exit_code == 0);
  const auto dog = outcome.out.find("dog.png"), rocket = outcome.out.find("rocket.png");
  REQUIRE(dog != std::string::npos);
  REQUIRE(rocket != std::string::npos);
  CHECK(dog < rocket);
  CHECK(contains(outcome.out, "probability"));
  CHECK(contains(outcome.out, "%"));
}

TEST_CASE("a server classifies as this machine does") {
  const TemporaryDirectory directory;
  RunningServer server(directory.path() / "data");
  const std::vector<std::string> command = {"classify", picture("dog.png"), "--labels", "dog,rocket", "--json"};
  auto remote = command;
  remote.insert(remote.end(), {"--server", server.url()});
  const auto here = output_of(command), there = output_of(remote);
  REQUIRE(there.size() == 1);
  CHECK(there[0].at("input") == here[0].at("input"));
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK(there[0].at("labels")[i].at("label") == here[0].at("labels")[i].at("label"));
    CHECK(there[0]["labels"][i].at("score").get<double>() == Catch::Approx(here[0]["labels"][i].at("score").get<double>()).margin(1e-5));
  }
  const auto bad = (directory.path() / "bad.png").string();
  std::ofstream(bad) << "no picture";
  const auto partly = run_clipdex({"classify", bad, picture("dog.png"), "--labels", "dog", "--server", server.url(), "--json"});
  CHECK(partly.exit_code == 3);
  CHECK(json_lines(partly.out).size() == 2);
}

TEST_CASE("classifying with labels or templates that cannot be is wrong use, and says why") {
  const auto wrong = [](std::vector<std::string> arguments, const std::string& reason) {
    arguments.insert(arguments.begin(), {"classify", picture("dog.png")});
    const auto outcome = run_clipdex(arguments);
    CAPTURE(outcome.error, reason);
    CHECK(outcome.exit_code == 2);
    CHECK(outcome.out.empty());
    CHECK(contains(outcome.error, reason));
  };
  wrong({}, "--labels");
  wrong({"--labels", " , "}, "--labels");
  wrong({"--labels", "dog,dog"}, "twice");
  wrong({"--labels", "dog", "--template", "a photo"}, "{}");
  wrong({"--labels", "dog", "--templates", "imagenet"}, "openai-7");
  wrong({"--labels", "dog", "--templates", "plain", "--template", "{}"}, "exclude");
  wrong({"--labels", "dog", "--top", "0"}, "--top");
  wrong({"--labels-file", "/nowhere/labels.txt"}, "/nowhere/labels.txt");
  wrong({"--labels", "dog", "--server", "http://127.0.0.1:1", "--model", "x"}, "--model");
  wrong({"--labels", "dog", "--server", "http://127.0.0.1:1", "--exact-decode"}, "--exact-decode");
}

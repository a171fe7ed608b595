// JSON lines as training data.
#include "tests/datasets/samples.h"

namespace {

using namespace clipdex::tests;

}  // namespace

TEST_CASE("JSON lines name the picture, its caption or captions, and its label, in the usual fields") {
  const TemporaryDirectory directory;
  const auto file = write(directory.path() / "list.jsonl",
                          "\xEF\xBB\xBF{\"file\":\"a.jpg\",\"caption\":\" 柠檬 \"}\r\n\n"
                          "{\"filepath\":\"/b.jpg\",\"captions\":[\"one\",\"two\",\"one\"],\"caption\":\"three\"}\n"
                          "{\"path\":\"c.jpg\",\"title\":[\"t\"],\"label\":7,\"text\":null}\n"
                          "{\"image\":\"d.jpg\",\"class\":\"cat\"}\n"
                          "{\"image\":\"e.jpg\",\"text\":\"last\",\"label\":[1]}");
  const auto samples = samples_of(file);
  REQUIRE(samples.size() == 5);
  for (const auto& sample : samples) CHECK(sample.error.empty());
  CHECK(samples[0].file == directory.path() / "a.jpg");
  CHECK(samples[0].where == file.string() + ":1");
  CHECK(samples[0].captions == Captions{"柠檬"});
  CHECK(!samples[0].label);
  CHECK(samples[1].file == "/b.jpg");
  CHECK(samples[1].where == file.string() + ":3");
  CHECK(samples[1].captions == Captions{"one", "two"});
  CHECK(samples[2].captions == Captions{"t"});
  CHECK(samples[2].label == "7");
  CHECK(samples[3].captions.empty());
  CHECK(samples[3].label == "cat");
  CHECK(samples[4].captions == Captions{"last"});
  CHECK(!samples[4].label);
}

TEST_CASE("fields that are asked for by name are taken instead, captions from all of them") {
  const TemporaryDirectory directory;
  const auto file =
      write(directory.path() / "list.ndjson",
            R"({"image":"a.jpg","img":"b.jpg","caption":"no","en":"apple","zh":"苹果","label":"no","kind":"fruit"})"
            "\n{\"img\":\"c.jpg\",\"en\":\"pear\"}\n{\"image\":\"d.jpg\",\"en\":\"fig\"}\n{\"img\":\"e.jpg\",\"en\":\"e\",\"kind\":[]}");
  const auto samples =
      samples_of(file, {.image_root = directory.path(), .image_column = "img", .caption_columns = {"en", "zh"}, .label_column = "kind"});
  REQUIRE(samples.size() == 4);
  CHECK(samples[0].file == directory.path() / "b.jpg");
  CHECK(samples[0].captions == Captions{"apple", "苹果"});
  CHECK(samples[0].label == "fruit");
  CHECK(samples[1].captions == Captions{"pear"});
  CHECK(errors_of(samples) == std::vector<std::string>{"list.ndjson:3 it names no picture in \"img\"",
                                                       "list.ndjson:4 its \"kind\" is neither a string nor a whole number"});
}

TEST_CASE("bad lines are errors by their numbers, and leave the others alone") {
  const TemporaryDirectory directory;
  const std::string deep(200'000, '[');
  const std::vector<std::string> lines = {R"({"file":"a.jpg","caption":"good"})",
                                          R"({"file":)",
                                          "[1]",
                                          R"({"caption":"x"})",
                                          R"({"file":7,"caption":"x"})",
                                          R"({"file":"a.jpg"})",
                                          R"({"file":"a.jpg","caption":" \t"})",
                                          R"({"file":"a.jpg","captions":["x",""]})",
                                          R"({"file":"a.jpg","caption":{"en":"x"}})",
                                          "{\"file\":\"a.jpg\",\"caption\":\"caf\xE9\"}",
                                          R"({"file":"a.jpg","caption":")" + std::string((64 << 10) + 1, 'x') + "\"}",
                                          R"({"file":"a.jpg","caption":")" + std::string(1 << 20, 'x') + "\"}",
                                          deep,
                                          R"({"file":"b.jpg","caption":"good too"})"};
  std::string content;
  for (const auto& line : lines) content += line + "\n";
  const auto samples = samples_of(write(directory.path() / "l.jsonl", content));
  CHECK(errors_of(samples) ==
        std::vector<std::string>{"l.jsonl:2 the line is not a JSON object", "l.jsonl:3 the line is not a JSON object",
                                 R"(l.jsonl:4 it names no picture: "file", "filepath", "path" or "image" does)",
                                 R"(l.jsonl:5 it names no picture: "file", "filepath", "path" or "image" does)",
                                 "l.jsonl:6 it has neither a caption nor a label", "l.jsonl:7 its caption is empty",
                                 "l.jsonl:8 its caption is empty", "l.jsonl:9 its \"caption\" is neither a string nor a list of strings",
                                 "l.jsonl:10 the line is not a JSON object",
                                 "l.jsonl:11 its caption has 65537 bytes, and 65536 are the limit here",
                                 "l.jsonl:12 the line has more than 1048576 bytes", "l.jsonl:13 the line is not a JSON object"});
  REQUIRE(good(samples).size() == 2);
  CHECK(good(samples)[1].file == directory.path() / "b.jpg");
}

TEST_CASE("more captions than the limit are an error") {
  const TemporaryDirectory directory;
  std::string captions;
  for (int i = 0; i < 1025; ++i) captions += (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\"";
  const auto samples = samples_of(write(directory.path() / "l.jsonl", "{\"file\":\"a.jpg\",\"captions\":[" + captions + "]}"));
  REQUIRE(samples.size() == 1);
  CHECK(samples[0].error == "it has more than 1024 captions");
}

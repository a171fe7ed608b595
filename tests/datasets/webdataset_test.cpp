// Webdataset shards as training data.
#include "tests/datasets/samples.h"
#include "tests/datasets/tar_files.h"

namespace {

namespace fs = std::filesystem;
using namespace clipdex::tests;

TarEntry member(const std::string& name, const std::string& bytes) { return {.name = name, .bytes = bytes, .link = {}}; }

std::vector<CaptionedImage> read_tar(const std::vector<TarEntry>& entries, const DatasetOptions& options = {}) {
  const TemporaryDirectory directory;
  return samples_of(write_tar(directory.path() / "s.tar", entries), options);
}

}  // namespace

TEST_CASE("members with the same key are one sample, whatever their order and case") {
  const TemporaryDirectory directory;
  const auto tar = write_tar(directory.path() / "s.tar", {{.name = "./", .bytes = {}, .type = '5', .link = {}},
                                                          member("./000.jpg", "jpeg 0"),
                                                          member("./000.txt", "a lemon\r\n"),
                                                          member("a.b/001.TXT", "\xEF\xBB\xBF飞机"),
                                                          member("a.b/001.cls", "7\n"),
                                                          member("a.b/001.npy", "of another kind"),
                                                          member("a.b/001.PNG", "png 1"),
                                                          member("002.webp", "webp 2"),
                                                          member("002.cls", "cat"),
                                                          member(".hidden.jpg", "no"),
                                                          member("README", "no key")});
  const auto samples = samples_of(tar);
  CHECK(errors_of(samples).empty());
  REQUIRE(samples.size() == 3);
  CHECK(samples[0].where == tar.string() + "/./000.jpg");
  CHECK(samples[0].bytes == "jpeg 0");
  CHECK(samples[0].file.empty());
  CHECK(samples[0].captions == Captions{"a lemon"});
  CHECK(!samples[0].label);
  CHECK(samples[1].bytes == "png 1");
  CHECK(samples[1].captions == Captions{"飞机"});
  CHECK(samples[1].label == "7");
  CHECK(samples[2].captions.empty());
  CHECK(samples[2].label == "cat");
}

TEST_CASE("captions come from KEY.txt and KEY.json together, equal ones once, and a class file goes before a label field") {
  const auto samples = read_tar({member("a.jpg", "x"), member("a.json", R"({"caption":"one","url":"u","label":3,"key":"000"})"),
                                 member("a.txt", "one"), member("b.json", R"({"captions":["two","three"],"caption":"no","class":"k"})"),
                                 member("b.jpg", "x"), member("b.txt", "zero"), member("b.cls", "m"), member("c.jpg", "x"),
                                 member("c.json", R"({"text":"four","caption":null})")});
  CHECK(errors_of(samples).empty());
  REQUIRE(samples.size() == 3);
  CHECK(samples[0].captions == Captions{"one"});
  CHECK(samples[0].label == "3");
  CHECK(samples[1].captions == Captions{"two", "three", "zero"});
  CHECK(samples[1].label == "m");
  CHECK(samples[2].captions == Captions{"four"});
}

TEST_CASE("fields of KEY.json are taken as the options name them") {
  const auto samples =
      read_tar({member("a.jpg", "x"), member("a.json", R"({"caption":"no","en":"pear","zh":["梨"],"label":"no","kind":"fruit"})")},
               {.caption_columns = {"en", "zh"}, .label_column = "kind"});
  REQUIRE(samples.size() == 1);
  CHECK(samples[0].captions == Captions{"pear", "梨"});
  CHECK(samples[0].label == "fruit");
}

TEST_CASE("several pictures of one key are a sample each with the key's captions, up to 64") {
  std::vector<TarEntry> entries = {member("k.txt", "a view")};
  for (int i = 0; i < 65; ++i) entries.push_back(member("k." + std::to_string(i) + ".jpg", "x"));
  const auto samples = read_tar(entries);
  CHECK(good(samples).size() == 64);
  CHECK(good(samples).back().captions == Captions{"a view"});
  CHECK(errors_of(samples) == std::vector<std::string>{"k.64.jpg its key has more than 64 pictures"});
}

TEST_CASE("the same key again after another one is another sample") {
  const auto samples = read_tar({member("a.jpg", "1"), member("a.txt", "first"), member("b.jpg", "2"), member("b.txt", "b"),
                                 member("a.jpg", "3"), member("a.txt", "second")});
  REQUIRE(samples.size() == 3);
  CHECK(samples[0].captions == Captions{"first"});
  CHECK(samples[2].captions == Captions{"second"});
  CHECK(samples[2].bytes == "3");
}

TEST_CASE("bad members are errors of their samples, and leave the others alone") {
  const auto samples = read_tar({member("good.jpg", "x"),
                                 member("good.txt", "good"),
                                 member("mute.jpg", "x"),
                                 member("blank.jpg", "x"),
                                 member("blank.txt", " \n"),
                                 member("latin.jpg", "x"),
                                 member("latin.txt", "caf\xE9"),
                                 member("list.jpg", "x"),
                                 member("list.json", "[1]"),
                                 member("long.jpg", "x"),
                                 member("long.txt", std::string((64 << 10) + 1, 'x')),
                                 member("huge.jpg", "x"),
                                 member("huge.json", "{\"caption\":\"" + std::string(2 << 20, 'x') + "\"}"),
                                 member("alone.txt", "no picture"),
                                 member("empty.jpg", ""),
                                 member("empty.txt", "x"),
                                 {.name = "link.jpg", .bytes = {}, .type = '2', .link = "/etc/passwd"},
                                 member("link.txt", "x"),
                                 member("says.jpg", "x"),
                                 {.name = "says.txt", .bytes = {}, .type = '2', .link = "good.txt"},
                                 member("\xFF.jpg", "x"),
                                 member("\xFF.txt", "its name is bytes"),
                                 member("last.jpg", "x"),
                                 member("last.txt", "last")});
  CHECK(errors_of(samples) ==
        std::vector<std::string>{"mute.jpg it has neither a caption (KEY.txt, or \"caption\" in KEY.json) nor a label",
                                 "blank.jpg blank.txt: its caption is empty",
                                 "latin.jpg latin.txt: its caption is not valid UTF-8: convert the file, for example with iconv",
                                 "list.jpg list.json: it is not a JSON object",
                                 "long.jpg long.txt: its caption has 65537 bytes, and 65536 are the limit here",
                                 "huge.jpg huge.json: it has more than 1048576 bytes",
                                 "alone.txt it stands alone: no picture of the same key comes right before or after it in the archive",
                                 "empty.jpg it is empty", "link.jpg it is a link: pictures are read from members that hold them",
                                 "says.jpg says.txt: it is a link: captions are read from members that hold them"});
  const auto usable = good(samples);
  REQUIRE(usable.size() == 3);
  CHECK(usable[1].where.ends_with("/\uFFFD.jpg"));
  CHECK(usable[2].captions == Captions{"last"});
}

TEST_CASE("pictures over the limit are errors, alone or together with others of their key") {
  const auto samples = read_tar(
      {member("a.jpg", std::string(101, 'x')), member("a.txt", "a"), member("b.1.jpg", std::string(60, 'x')),
       member("b.2.jpg", std::string(60, 'x')), member("b.txt", "b"), member("c.jpg", std::string(100, 'x')), member("c.txt", "c")},
      {.bytes_max = 100});
  const auto errors = errors_of(samples);
  REQUIRE(errors.size() == 2);
  CHECK(contains(errors[0], "a.jpg it, or its key's pictures together, have more than 100 bytes"));
  CHECK(contains(errors[1], "b.2.jpg "));
  CHECK(good(samples).size() == 2);
}

TEST_CASE("of a shard that is cut off anywhere, the whole samples come, and then one error") {
  const TemporaryDirectory directory;
  const std::string whole = tar_members({member("0.jpg", "picture 0"), member("0.txt", "zero"), member("1.jpg", "picture 1"),
                                         member("1.txt", "one"), member("2.jpg", std::string(3000, 'x')), member("2.txt", "two")});
  // The first two samples are four blocks each; libarchive takes an archive that ends between members for a whole one.
  for (std::size_t bytes = kTarBlock / 2; bytes < whole.size(); bytes += kTarBlock) {
    CAPTURE(bytes);
    const auto samples = samples_of(write(directory.path() / "cut.tar", whole.substr(0, bytes)));
    const auto usable = good(samples);
    const std::size_t expected = bytes < 4 * kTarBlock ? 0 : bytes < 8 * kTarBlock ? 1 : 2;
    CHECK(usable.size() == expected);
    for (const auto& sample : usable) CHECK((sample.bytes.starts_with("picture ") && sample.captions.size() == 1));
    REQUIRE(samples.size() == usable.size() + 1);
    CHECK(samples.back().where == (directory.path() / "cut.tar").string());
    CHECK(contains(samples.back().error, "the archive cannot be read further at byte "));
  }
}

TEST_CASE("a shard that is no archive, and one without pictures, have one error") {
  const TemporaryDirectory directory;
  const auto text = samples_of(write(directory.path() / "text.tar", std::string(5000, 'x')));
  REQUIRE(text.size() == 1);
  CHECK(contains(text[0].error, "the archive cannot be read further"));
  CHECK(errors_of(read_tar({member("notes.md", "no picture")})) == std::vector<std::string>{"s.tar there is no picture in it"});
}

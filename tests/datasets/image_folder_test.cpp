// A folder of pictures for each class.
#include "tests/datasets/samples.h"

namespace {

namespace fs = std::filesystem;
using namespace clipdex::tests;

}  // namespace

TEST_CASE("a folder's name is the label of the pictures in it and below it, in order of names") {
  const TemporaryDirectory directory;
  const auto root = directory.path() / "val";
  for (const auto* name : {"cat/2.png", "cat/1.JPG", "cat/more/3.webp", "apple tree/x.jpeg", "cat/notes.txt", "cat/.hidden.jpg",
                           "cat/.thumbs/t.jpg", ".git/x.jpg", "loose.jpg"})
    write(root / name, "picture");
  fs::create_directories(root / "empty");
  fs::create_directory_symlink(root, root / "cat" / "loop");
  fs::create_directory_symlink(root / "cat", root / "again");
  const auto samples = samples_of(root);
  std::vector<std::pair<std::string, std::string>> found;
  for (const auto& sample : samples) {
    CHECK(sample.error.empty());
    CHECK(sample.captions.empty());
    CHECK(sample.where == sample.file.string());
    found.emplace_back(fs::relative(sample.file, root).string(), sample.label.value_or("none"));
  }
  CHECK(found == std::vector<std::pair<std::string, std::string>>{
                     {"apple tree/x.jpeg", "apple tree"}, {"cat/1.JPG", "cat"}, {"cat/2.png", "cat"}, {"cat/more/3.webp", "cat"}});
}

TEST_CASE("a folder that holds neither tars nor folders of pictures is refused with what it should hold") {
  const TemporaryDirectory directory;
  write(directory.path() / "flat/a.jpg", "picture");
  write(directory.path() / "flat/text/a.txt", "text");
  const auto error = refusal({(directory.path() / "flat").string()});
  CHECK(contains(error, "flat holds neither tars nor a folder with pictures for each class"));
}

TEST_CASE("a class whose folder's name is not UTF-8 is an error of its pictures") {
  const TemporaryDirectory directory;
  write(directory.path() / "all" / "caf\xE9" / "a.jpg", "picture");
  write(directory.path() / "all" / "b" / "b.jpg", "picture");
  const auto samples = samples_of(directory.path() / "all");
  REQUIRE(samples.size() == 2);
  CHECK(samples[0].label == "b");
  CHECK(contains(samples[1].error, "its label is not valid UTF-8"));
}

// What people write, as shards.
#include "datasets/dataset.h"

#include <sys/stat.h>

#include "tests/datasets/samples.h"
#include "tests/datasets/tar_files.h"

namespace {

namespace fs = std::filesystem;
using namespace clipdex::tests;

fs::path shard(const fs::path& file, const std::string& key) {
  fs::create_directories(file.parent_path());
  return write_tar(file,
                   {{.name = key + ".jpg", .bytes = "picture", .link = {}}, {.name = key + ".txt", .bytes = "of " + key, .link = {}}});
}

Captions captions_of(const Dataset& dataset) {
  Captions all;
  for (std::size_t i = 0; i < dataset.shards().size(); ++i) {
    for (const auto& sample : samples_of(dataset, i)) {
      CHECK(sample.error.empty());
      all.insert(all.end(), sample.captions.begin(), sample.captions.end());
    }
  }
  return all;
}

}  // namespace

TEST_CASE("a range in braces and :: name many shards, in the order of the words") {
  const TemporaryDirectory directory;
  const auto root = directory.path().string();
  for (const auto* name : {"a-08", "a-09", "a-10", "b"}) shard(directory.path() / (std::string(name) + ".tar"), name);
  const auto dataset = Dataset::open({root + "/b.tar::" + root + "/a-{08..10}.tar", root + "/a-09.tar"}, {});
  CHECK(captions_of(dataset) == Captions{"of b", "of a-08", "of a-09", "of a-10", "of a-09"});
  CHECK(dataset.shards().front() == root + "/b.tar");
  CHECK(contains(refusal({root + "/a-{08..11}.tar"}), "there is no file or folder " + root + "/a-11.tar"));
  CHECK(contains(refusal({root + "/b.tar::"}), "names nothing on one side of ::"));
}

TEST_CASE("a name with braces or :: that exists is taken as it is") {
  const TemporaryDirectory directory;
  const auto odd = shard(directory.path() / "a::{1..2}.tar", "odd");
  CHECK(captions_of(Dataset::open({odd.string()}, {})) == Captions{"of odd"});
}

TEST_CASE("a folder of tars is its tars, sorted") {
  const TemporaryDirectory directory;
  for (const auto* name : {"2", "10", "1"}) shard(directory.path() / "data" / (std::string(name) + ".tar"), name);
  write(directory.path() / "data/sizes.json", "{}");
  write(directory.path() / "data/.part.tar", "x");
  const auto dataset = Dataset::open({(directory.path() / "data").string()}, {});
  CHECK(captions_of(dataset) == Captions{"of 1", "of 10", "of 2"});
}

TEST_CASE("formats mix in one dataset, each file a shard") {
  const TemporaryDirectory directory;
  const auto& root = directory.path();
  const auto tar = shard(root / "a.tar", "a");
  const auto csv = write(root / "b.csv", "file,caption\nb.jpg,of b\nb2.jpg,of b2\n");
  const auto lines = write(root / "c.jsonl", "{\"file\":\"c.jpg\",\"caption\":\"of c\"}\n");
  const auto json = write(root / "d.JSON", R"({"images":[{"id":1,"file_name":"d.jpg"}],"annotations":[{"image_id":1,"caption":"of d"}]})");
  const auto dataset = Dataset::open({tar.string(), csv.string(), lines.string(), json.string()}, {});
  CHECK(dataset.shards() == std::vector<std::string>{tar.string(), csv.string(), lines.string(), json.string()});
  CHECK(captions_of(dataset) == Captions{"of a", "of b", "of b2", "of c", "of d"});
}

TEST_CASE("what cannot be data is refused with its name and the remedy") {
  const TemporaryDirectory directory;
  const auto root = directory.path();
  CHECK(contains(refusal({}), "there is no data"));
  CHECK(contains(refusal({(root / "none.tar").string()}), "there is no file or folder " + (root / "none.tar").string()));
  CHECK(contains(refusal({"pipe:cat x.tar"}), "copy it here first"));
  CHECK(contains(refusal({"https://example.org/x.tar"}), "copy it here first"));
  CHECK(contains(refusal({write(root / "a.parquet", "x").string()}), "a.parquet is of no kind that is known: .tar"));
  CHECK(contains(refusal({shard(root / "a.tar", "a").string()}, {.splits = {"train"}}), "Karpathy's .json files alone"));
  for (const auto* name : {"pipe.tar", "pipe.csv", "pipe.json", "pipe.jsonl"}) {
    REQUIRE(::mkfifo((root / name).c_str(), 0600) == 0);
    CHECK(contains(refusal({(root / name).string()}), std::string(name) + " is not a regular file"));
  }
}

TEST_CASE("a file that goes after it was opened is an error of its shard, not an exception") {
  const TemporaryDirectory directory;
  const std::vector<fs::path> files = {shard(directory.path() / "a.tar", "a"), write(directory.path() / "b.csv", "file,caption\nb,b\n"),
                                       write(directory.path() / "c.jsonl", "{}")};
  for (const auto& file : files) {
    const auto dataset = Dataset::open({file.string()}, {});
    fs::remove(file);
    const auto samples = samples_of(dataset, 0);
    REQUIRE(samples.size() == 1);
    CHECK(samples[0].where == file.string());
    CHECK(contains(samples[0].error, "No such file"));
  }
}

TEST_CASE("a shard that does not exist is the caller's mistake") {
  const TemporaryDirectory directory;
  const auto dataset = Dataset::open({shard(directory.path() / "a.tar", "a").string()}, {});
  CHECK_THROWS_AS(dataset.open_shard(1), std::out_of_range);
}

TEST_CASE("empty files are errors of their shards") {
  const TemporaryDirectory directory;
  CHECK(errors_of(samples_of(write(directory.path() / "a.jsonl", "\n \n"))) ==
        std::vector<std::string>{"a.jsonl there is no picture in it"});
  const auto tar = errors_of(samples_of(write(directory.path() / "a.tar", "")));
  REQUIRE(tar.size() == 1);
  CHECK(tar[0].starts_with("a.tar "));
}

// COCO's captions and Karpathy's splits.
#include "tests/datasets/samples.h"

namespace {

using namespace clipdex::tests;

std::vector<CaptionedImage> read_json(const std::string& content, const DatasetOptions& options = {}) {
  const TemporaryDirectory directory;
  return samples_of(write(directory.path() / "captions.json", content), options);
}

std::string refused_json(const std::string& content, const DatasetOptions& options = {}) {
  const TemporaryDirectory directory;
  return refusal({write(directory.path() / "captions.json", content).string()}, options);
}

const std::string kKarpathy = R"({"dataset":"coco","images":[
  {"filepath":"val2014","filename":"1.jpg","split":"test","sentids":[7,8],"cocoid":1,
   "sentences":[{"tokens":["a","cat"],"raw":"A cat .","imgid":0,"sentid":7},{"tokens":[],"raw":"One cat","imgid":0,"sentid":8}]},
  {"filename":"2.jpg","split":"train","sentences":[{"raw":"A dog"}]},
  {"filepath":"train2014","filename":"3.jpg","split":"restval","sentences":[{"raw":"A cow"},{"raw":" "}]}]})";

}  // namespace

TEST_CASE("COCO's captions go to their pictures, in their order, wherever in the file the pictures stand") {
  const TemporaryDirectory directory;
  const std::string images = R"("images":[{"license":1,"file_name":"b.jpg","id":9,"height":2,"nested":{"a":[[1],{"images":[]}]}},)"
                             R"({"file_name":"a.jpg","id":3}])";
  const std::string annotations = R"("annotations":[{"image_id":3,"id":1,"caption":"three\n"},{"image_id":9,"id":2,"caption":"九"},)"
                                  R"({"image_id":3,"id":3,"caption":"drei"}])";
  const std::string others = R"("info":{"images":[1,{"id":3}],"x":[[[]]]},"licenses":[{"id":1}])";
  for (const auto& content :
       {"{" + others + "," + images + "," + annotations + "}", "{" + annotations + "," + images + "," + others + "}"}) {
    const auto file = write(directory.path() / "captions.json", content);
    const auto samples = samples_of(file, {.image_root = directory.path()});
    REQUIRE(samples.size() == 2);
    CHECK(samples[0].file == directory.path() / "b.jpg");
    CHECK(samples[0].where == file.string() + ":images[0]");
    CHECK(samples[0].captions == Captions{"九"});
    CHECK(samples[1].file == directory.path() / "a.jpg");
    CHECK(samples[1].captions == Captions{"three", "drei"});
    CHECK(errors_of(samples).empty());
  }
}

TEST_CASE("what is wrong with COCO's pictures and annotations is an error of each") {
  const auto samples =
      read_json(R"({"images":[{"id":1,"file_name":"a.jpg"},{"id":2},7,{"id":1,"file_name":"b.jpg"},[{"id":5}],)"
                R"({"id":4,"file_name":"c.jpg"}],"annotations":[{"image_id":1,"caption":"good"},{"image_id":1,"caption":" "},)"
                R"({"image_id":77,"caption":"x"},"text",{"caption":"x"},{"image_id":1,"caption":3}]})");
  CHECK(errors_of(samples) ==
        std::vector<std::string>{R"(captions.json:images[1] it names no picture: "file_name" does, or in Karpathy's files "filename")",
                                 R"(captions.json:images[2] it names no picture: "file_name" does, or in Karpathy's files "filename")",
                                 "captions.json:images[3] another picture before it has the id 1",
                                 R"(captions.json:images[4] it names no picture: "file_name" does, or in Karpathy's files "filename")",
                                 "captions.json:images[5] it has no caption", "captions.json:annotations[1] its caption is empty",
                                 R"(captions.json:annotations[2] its "image_id" is the "id" of none of the "images")",
                                 R"(captions.json:annotations[3] its "image_id" is the "id" of none of the "images")",
                                 R"(captions.json:annotations[4] its "image_id" is the "id" of none of the "images")",
                                 "captions.json:annotations[5] its caption is empty"});
  REQUIRE(good(samples).size() == 1);
  CHECK(good(samples)[0].captions == Captions{"good"});
}

TEST_CASE("Karpathy's file is read with all splits or those that are asked for") {
  const auto all = read_json(kKarpathy);
  CHECK(errors_of(all) == std::vector<std::string>{"captions.json:images[2] its caption is empty"});
  REQUIRE(all.size() == 3);
  CHECK(all[0].file.parent_path().filename() == "val2014");
  CHECK(all[0].captions == Captions{"A cat .", "One cat"});
  CHECK(all[1].file.filename() == "2.jpg");
  const auto some = read_json(kKarpathy, {.splits = {"train", "restval"}});
  REQUIRE(some.size() == 2);
  CHECK(some[0].captions == Captions{"A dog"});
  CHECK(contains(refused_json(kKarpathy, {.splits = {"dev"}}), R"(its splits are "restval", "test", "train")"));
}

TEST_CASE("the file is read again for each pass without being parsed, and passes do not disturb one another") {
  const TemporaryDirectory directory;
  const auto file = write(directory.path() / "captions.json", kKarpathy);
  const auto dataset = Dataset::open({file.string()}, {});
  const auto first = dataset.open_shard(0), second = dataset.open_shard(0);
  CHECK(first->next()->captions == Captions{"A cat .", "One cat"});
  CHECK(second->next()->captions == Captions{"A cat .", "One cat"});
  CHECK(first->next()->captions == Captions{"A dog"});
  std::filesystem::remove(file);
  CHECK(samples_of(dataset, 0).size() == 3);
}

TEST_CASE("JSON that is damaged, cut off, too deep or of another kind is refused with the reason") {
  const auto cut = kKarpathy.substr(0, kKarpathy.size() / 2);
  CHECK(contains(refused_json(cut), "captions.json cannot be used: it is not valid JSON, or cut off"));
  CHECK(contains(refused_json("{\"images\":[{\"file_name\":\"\xE9\"}]}"), "not valid JSON"));
  CHECK(contains(refused_json(""), "it is empty"));
  CHECK(contains(refused_json("{\"images\":[" + std::string(10'000, '[')), "nested more than 64 deep"));
  CHECK(contains(refused_json("{\"x\":" + std::string(10'000, '[')), "nested more than 64 deep"));
  std::string many = "{\"images\":[{\"file_name\":\"a\",\"x\":[0";
  for (int i = 0; i < 100'000; ++i) many += ",0";
  CHECK(contains(refused_json(many + "]}]}"), "images[0] has more than 100000 values"));
  CHECK(contains(refused_json(R"([{"image":"a.jpg","caption":"x"}])"), "JSON lines (.jsonl)"));
  CHECK(contains(refused_json("3"), "no known kind"));
  CHECK(contains(refused_json(R"({"images":{"a":[1]}})"), "no known kind"));
  CHECK(contains(refused_json(R"({"images":[{"id":1,"file_name":"a"}],"annotations":[{"image_id":1,"bbox":[1,2]}]})"), "captions_*.json"));
  CHECK(
      contains(refused_json(R"({"images":[{"id":1,"file_name":"a"}],"annotations":[{"image_id":1,"caption":"x"}]})", {.splits = {"test"}}),
               "it has no splits"));
}

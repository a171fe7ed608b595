#include "engine/classification.h"

#include <atomic>
#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>
#include <sstream>
#include <thread>

#include "engine/classifier_cache.h"
#include "engine/engine.h"
#include "tests/gallery.h"
#include "tests/temporary_directory.h"

namespace {

using namespace clipdex::engine;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;
using clipdex::tests::gallery_file;

const ClipEncoder& encoder() {
  static const ClipEncoder built_in(clipdex::tests::kModel);
  return built_in;
}

std::vector<float> embed(const std::string& picture) {
  const auto file = gallery_file(picture);
  const std::vector<Image> images = {decode_image({reinterpret_cast<const std::uint8_t*>(file.data()), file.size()})};
  return encoder().encode_images(images).values;
}

double sum_of(const std::vector<LabelProbability>& labels) {
  return std::accumulate(labels.begin(), labels.end(), 0.0, [](double sum, const auto& label) { return sum + label.probability; });
}

// The gallery's single pictures with their captions, each caption once.
std::vector<std::pair<std::string, std::string>> single_pictures() {
  std::istringstream stream(gallery_file("metadata.jsonl"));
  std::vector<std::pair<std::string, std::string>> pictures;
  std::set<std::string> seen;
  for (std::string line; std::getline(stream, line);) {
    const auto entry = nlohmann::json::parse(line);
    const auto caption = entry["caption"].get<std::string>();
    if (entry["kind"] == "single" && seen.insert(caption).second) pictures.emplace_back(entry["file"], caption);
  }
  return pictures;
}

}  // namespace

TEST_CASE("most single pictures of the gallery get their own caption among all captions") {
  const auto pictures = single_pictures();
  REQUIRE(pictures.size() > 250);
  LabelSet set{.labels = {}, .templates = named_templates("plain")};
  for (const auto& [file, caption] : pictures) set.labels.push_back(caption);
  const LabelClassifier classifier(encoder(), set);
  std::size_t first = 0, within_five = 0;
  for (const auto& [file, caption] : pictures) {
    const auto best = classifier.classify(embed(file), 5);
    REQUIRE(best.size() == 5);
    first += best[0].label == caption ? 1 : 0;
    within_five += std::any_of(best.begin(), best.end(), [&](const auto& label) { return label.label == caption; }) ? 1 : 0;
  }
  // The model's card has 75.3 % and 96.3 % for the retrieval over the gallery.
  CHECK(static_cast<double>(first) > 0.65 * static_cast<double>(pictures.size()));
  CHECK(static_cast<double>(within_five) > 0.9 * static_cast<double>(pictures.size()));
}

TEST_CASE("a label's embedding is the mean of its prompts' unit embeddings, of unit length again") {
  const LabelSet set{.labels = {"a dog", "rocket"}, .templates = {"{}", "a photo of a {}.", "{} on a blue background"}};
  const LabelClassifier classifier(encoder(), set);
  const auto picture = embed("dog.png");
  std::vector<double> scores;
  for (std::size_t i = 0; i < set.labels.size(); ++i) {
    const auto prompts = encoder().encode_texts(
        std::vector<std::string>{set.labels[i], "a photo of a " + set.labels[i] + ".", set.labels[i] + " on a blue background"});
    std::vector<double> mean(encoder().dimension());
    for (std::size_t row = 0; row < 3; ++row) {
      for (std::size_t j = 0; j < mean.size(); ++j) mean[j] += static_cast<double>(prompts.row(row)[j]) / 3;
    }
    const double length = std::sqrt(std::inner_product(mean.begin(), mean.end(), mean.begin(), 0.0));
    double score = 0;
    for (std::size_t j = 0; j < mean.size(); ++j) {
      CHECK(static_cast<double>(classifier.embedding(i)[j]) == Catch::Approx(mean[j] / length).margin(1e-5));
      score += mean[j] / length * static_cast<double>(picture[j]);
    }
    scores.push_back(score);
  }
  const auto result = classifier.classify(picture);
  REQUIRE(result.size() == 2);
  CHECK(result[0].label == "a dog");
  CHECK(static_cast<double>(result[0].score) == Catch::Approx(scores[0]).margin(1e-5));
  CHECK(static_cast<double>(result[1].score) == Catch::Approx(scores[1]).margin(1e-5));
  const double odds = std::exp(std::exp(encoder().info().logit_scale) * (scores[0] - scores[1]));
  CHECK(result[0].probability == Catch::Approx(odds / (1 + odds)).margin(1e-4));
}

TEST_CASE("probabilities come in order and sum to one, and a cut leaves them as they are") {
  const LabelClassifier classifier(encoder(), {.labels = {"cat", "dog", "rocket", "red apple"}, .templates = {"{}"}});
  const auto all = classifier.classify(embed("red-apple.png"));
  REQUIRE(all.size() == 4);
  CHECK(all[0].label == "red apple");
  CHECK(sum_of(all) == Catch::Approx(1));
  for (std::size_t i = 1; i < all.size(); ++i) CHECK(all[i - 1].probability >= all[i].probability);
  const auto top = classifier.classify(embed("red-apple.png"), 2);
  REQUIRE(top.size() == 2);
  CHECK(top[1].label == all[1].label);
  CHECK(top[1].probability == all[1].probability);
  CHECK(classifier.classify(embed("red-apple.png"), 100).size() == 4);
}

TEST_CASE("many prompts, which take several batches, give each label what it has alone") {
  LabelSet set{.labels = {}, .templates = named_templates("openai-7")};
  for (int i = 0; i < 100; ++i) set.labels.push_back("thing " + std::to_string(i));
  const LabelClassifier many(encoder(), set);
  for (const std::size_t i : {0, 36, 37, 73, 99}) {
    const LabelClassifier one(encoder(), {.labels = {set.labels[i]}, .templates = set.templates});
    for (std::size_t j = 0; j < encoder().dimension(); ++j) CHECK(many.embedding(i)[j] == Catch::Approx(one.embedding(0)[j]).margin(1e-5));
  }
}

TEST_CASE("the named templates have their numbers, one place each, and change the result") {
  CHECK(named_templates("photo") == std::vector<std::string>{"a photo of a {}."});
  CHECK(named_templates("plain") == std::vector<std::string>{"{}"});
  CHECK(named_templates("openai-7").size() == 7);
  const auto eighty = named_templates("openai-80");
  CHECK(std::set<std::string>(eighty.begin(), eighty.end()).size() == 80);
  for (const auto& best : named_templates("openai-7")) CHECK(std::find(eighty.begin(), eighty.end(), best) != eighty.end());
  std::set<float> scores;
  for (const auto* name : {"photo", "plain", "openai-7", "openai-80"}) {
    CHECK_NOTHROW(check_label_set({.labels = {"x"}, .templates = named_templates(name)}));
    const LabelClassifier classifier(encoder(), {.labels = {"dog", "rocket"}, .templates = named_templates(name)});
    const auto result = classifier.classify(embed("rocket.png"));
    CHECK(result[0].label == "rocket");
    scores.insert(result[0].score);
  }
  CHECK(scores.size() == 4);
  CHECK_THROWS_MATCHES(named_templates("openai-9"), std::invalid_argument,
                       MessageMatches(ContainsSubstring("openai-9") && ContainsSubstring("openai-80")));
}

TEST_CASE("label sets that cannot be are refused with the reason") {
  const auto refused = [](const LabelSet& set, const std::string& reason) {
    CHECK_THROWS_MATCHES(LabelClassifier(encoder(), set), std::invalid_argument, MessageMatches(ContainsSubstring(reason)));
  };
  refused({.labels = {}, .templates = {"{}"}}, "no labels");
  refused({.labels = {"a"}, .templates = {}}, "no templates");
  refused({.labels = {"a", ""}, .templates = {"{}"}}, "label is empty");
  refused({.labels = {"a", "b", "a"}, .templates = {"{}"}}, "\"a\" is there twice");
  refused({.labels = {"a\xFF"}, .templates = {"{}"}}, "UTF-8");
  refused({.labels = {std::string(1025, 'a')}, .templates = {"{}"}}, "1024");
  refused({.labels = {"a"}, .templates = {"a photo"}}, "\"a photo\" does not have \"{}\" once");
  refused({.labels = {"a"}, .templates = {"{} and {}"}}, "once");
  CHECK_THROWS_MATCHES(check_label_set({.labels = {"a", "b", "c"}, .templates = {"{}", "a {}"}}, 5), std::invalid_argument,
                       MessageMatches(ContainsSubstring("limit of 5")));
  CHECK_NOTHROW(check_label_set({.labels = {"a", "b", "c"}, .templates = {"{}", "a {}"}}, 6));
  const LabelClassifier classifier(encoder(), {.labels = {"a"}, .templates = {"{}"}});
  CHECK_THROWS_AS(classifier.classify(std::vector<float>(3)), std::invalid_argument);
}

TEST_CASE("labels in a line or a file lose what people put around them") {
  CHECK(split_labels(" cat, red apple ,,dog\t,", ',') == std::vector<std::string>{"cat", "red apple", "dog"});
  CHECK(split_labels("\xEF\xBB\xBF"
                     "cat\r\nred apple, cut\r\n\r\n",
                     '\n') == std::vector<std::string>{"cat", "red apple, cut"});
  CHECK(split_labels(" , ", ',').empty());
  CHECK(split_labels("", ',').empty());
}

TEST_CASE("a label with braces or regular expression characters stands as it is in its sentence") {
  const LabelClassifier classifier(encoder(), {.labels = {"a {} $1 \\"}, .templates = {"the {}."}});
  const auto by_hand = encoder().encode_texts(std::vector<std::string>{"the a {} $1 \\."});
  for (std::size_t j = 0; j < encoder().dimension(); ++j)
    CHECK(classifier.embedding(0)[j] == Catch::Approx(by_hand.row(0)[j]).margin(1e-6));
}

TEST_CASE("the cache gives the same classifier for the same set and forgets the least used one first") {
  const LabelSet dogs{.labels = {"dog"}, .templates = {"{}"}}, cats{.labels = {"cat"}, .templates = {"{}"}},
      photos{.labels = {"dog"}, .templates = {"a photo of a {}."}};
  const std::size_t one = LabelClassifier(encoder(), dogs).memory_bytes();
  ClassifierCache cache(one * 5 / 2);
  const auto first = cache.get(encoder(), dogs);
  CHECK(cache.get(encoder(), dogs) == first);
  const auto other = cache.get(encoder(), cats);
  CHECK(other != first);
  CHECK(cache.count() == 2);
  CHECK(cache.get(encoder(), dogs) == first);
  CHECK(cache.get(encoder(), photos) != first);  // cats have to go
  CHECK(cache.count() == 2);
  CHECK(cache.get(encoder(), dogs) == first);
  CHECK(cache.get(encoder(), cats) != other);
  CHECK(other->classify(embed("cat.png"))[0].label == "cat");  // whoever holds it may go on
  ClassifierCache none(one / 2);
  CHECK(none.get(encoder(), dogs) != nullptr);
  CHECK(none.count() == 0);
}

TEST_CASE("of threads that ask for a new set at once one encodes it, and all get the same classifier") {
  ClassifierCache cache(std::size_t{64} << 20);
  LabelSet set{.labels = {}, .templates = clipdex::engine::named_templates("openai-7")};
  for (int i = 0; i < 40; ++i) set.labels.push_back("label " + std::to_string(i));
  std::vector<std::shared_ptr<const LabelClassifier>> got(6);
  {
    std::vector<std::jthread> threads;
    for (auto& mine : got) threads.emplace_back([&] { mine = cache.get(encoder(), set); });
  }
  for (const auto& one : got) CHECK(one == got[0]);
  CHECK(got[0] != nullptr);
  // A set that cannot be fails for everyone, and is not remembered.
  const LabelSet impossible{.labels = {"cat"}, .templates = {"no place"}};
  std::atomic<int> refused = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 6; ++i) {
      threads.emplace_back([&] {
        try {
          cache.get(encoder(), impossible);
        } catch (const std::invalid_argument&) {
          ++refused;
        }
      });
    }
  }
  CHECK(refused == 6);
  CHECK(cache.count() == 1);
}

TEST_CASE("the engine classifies a picture's file, and bounds what one request may ask") {
  const clipdex::tests::TemporaryDirectory directory;
  const Engine engine({.data_directory = directory.path() / "data", .model = clipdex::tests::kModel});
  const LabelSet set{.labels = {"dog", "rocket"}, .templates = {"{}"}};
  const auto result = engine.classify(gallery_file("rocket.png"), set, 1);
  REQUIRE(result.labels.size() == 1);
  CHECK(result.labels[0].label == "rocket");
  CHECK(result.total_ms >= result.encode_ms);
  CHECK_THROWS_AS(engine.classify("no picture", set), ImageError);
  LabelSet large{.labels = {}, .templates = {"{}"}};
  for (std::size_t i = 0; i <= kServedPromptsMax; ++i) large.labels.push_back(std::to_string(i));
  CHECK_THROWS_MATCHES(engine.classify(gallery_file("rocket.png"), large), std::invalid_argument,
                       MessageMatches(ContainsSubstring("10000")));
}

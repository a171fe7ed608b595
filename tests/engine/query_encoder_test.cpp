#include "engine/query_encoder.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <thread>

#include "tests/gallery.h"

namespace {

using namespace clipdex::engine;

std::shared_ptr<const ClipEncoder> encoder() {
  static const auto made = std::make_shared<const ClipEncoder>(clipdex::tests::kModel);
  return made;
}

void check_equal(std::span<const float> a, std::span<const float> b) {
  REQUIRE(a.size() == b.size());
  for (std::size_t i = 0; i < a.size(); ++i) CHECK_THAT(a[i], Catch::Matchers::WithinAbs(b[i], 1e-5));
}

}  // namespace

TEST_CASE("query texts have the encoder's embeddings, whether remembered or not") {
  Metrics metrics;
  QueryEncoder queries(encoder(), std::size_t{1} << 20, metrics);
  const std::vector<std::string> texts = {"a red apple", "a cat", "a red apple", ""};
  const auto wanted = encoder()->encode_texts(texts);
  for (int again = 0; again < 2; ++again) {
    const auto found = queries.encode(texts);
    REQUIRE(found.size() == texts.size());
    for (std::size_t i = 0; i < texts.size(); ++i) check_equal(*found[i], wanted.row(i));
  }
  CHECK(metrics.query_cache_hits.value() == 4);
  CHECK(metrics.query_cache_misses.value() == 4);
}

TEST_CASE("queries at the same time get each its own embedding") {
  Metrics metrics;
  QueryEncoder queries(encoder(), 0, metrics);
  constexpr int kThreads = 16;
  std::vector<std::string> texts;
  for (int i = 0; i < kThreads; ++i) texts.push_back(std::string(static_cast<std::size_t>(i), 'a') + " cat number " + std::to_string(i));
  const auto wanted = encoder()->encode_texts(texts);
  std::vector<QueryEncoder::Embedding> found(kThreads);
  for (int round = 0; round < 5; ++round) {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < kThreads; ++i) threads.emplace_back([&, i] { found[i] = queries.encode(std::span(&texts[i], 1)).at(0); });
    threads.clear();
    for (std::size_t i = 0; i < kThreads; ++i) check_equal(*found[i], wanted.row(i));
  }
}

TEST_CASE("what is remembered stays within its bytes, and the latest stays") {
  constexpr std::size_t kBytes = 20'000;
  Metrics metrics;
  QueryEncoder queries(encoder(), kBytes, metrics);
  const auto bytes = [&] { return static_cast<std::size_t>(metrics.query_cache_bytes.value()); };
  for (int i = 0; i < 100; ++i) {
    const std::vector<std::string> text = {"text number " + std::to_string(i)};
    queries.encode(text);
    CHECK(bytes() <= kBytes);
  }
  CHECK(bytes() > kBytes / 2);
  const auto misses = metrics.query_cache_misses.value();
  queries.encode(std::vector<std::string>{"text number 99"});
  CHECK(metrics.query_cache_misses.value() == misses);
  queries.encode(std::vector<std::string>{"text number 0"});
  CHECK(metrics.query_cache_misses.value() == misses + 1);
}

TEST_CASE("a text that cannot be encoded fails alone") {
  Metrics metrics;
  QueryEncoder queries(encoder(), std::size_t{1} << 20, metrics);
  CHECK_THROWS_AS(queries.encode(std::vector<std::string>{std::string(1 << 20, 'x')}), std::invalid_argument);
  CHECK(queries.encode(std::vector<std::string>{"a cat"}).at(0)->size() == encoder()->dimension());
}

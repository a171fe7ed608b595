// The built-in model's recall through the product: the gallery ingested over HTTP, queried by caption, against the model's card.
#include <array>
#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>
#include <fstream>
#include <map>

#include "tests/clipdex_program.h"
#include "tests/e2e/rest_client.h"

using namespace clipdex::tests;

namespace {

constexpr std::size_t kRanks[] = {1, 5, 10};
using Recalls = std::array<double, 3>;  // per cent at 1, 5 and 10

// The rank of each picture by its caption, 0 for none of the first ten; "single" and "scene" apart.
std::map<std::string, std::vector<std::size_t>> ranks_by_kind(RestClient& client, const std::string& caption) {
  std::map<std::string, std::vector<std::size_t>> ranks;
  std::ifstream stream(kGallery / "metadata.jsonl");
  for (std::string line; std::getline(stream, line);) {
    const auto picture = json::parse(line);
    const auto hits = client.post("/v1/collections/gallery/search", {{"text", picture.at(caption)}, {"limit", 10}}).at("hits");
    std::size_t rank = 0;
    for (std::size_t i = 0; i < hits.size(); ++i) {
      if (hits[i].at("id") == picture.at("file")) rank = i + 1;
    }
    ranks[picture.at("kind")].push_back(rank);
    ranks["all"].push_back(rank);
  }
  return ranks;
}

Recalls recalls(const std::vector<std::size_t>& ranks) {
  Recalls result{};
  for (std::size_t i = 0; i < 3; ++i) {
    std::size_t found = 0;
    for (const auto rank : ranks) found += rank > 0 && rank <= kRanks[i] ? 1 : 0;
    result[i] = 100.0 * static_cast<double>(found) / static_cast<double>(ranks.size());
  }
  return result;
}

}  // namespace

TEST_CASE("the gallery's recall over HTTP is that of the model's card within half a point") {
  TemporaryDirectory data;
  RunningServer server(data.path());
  const auto ingested = run_clipdex(
      {"ingest", kGallery.string(), "-c", "gallery", "--metadata", (kGallery / "metadata.jsonl").string(), "--server", server.url()});
  INFO(ingested.error);
  REQUIRE(ingested.exit_code == 0);
  RestClient client(server.url());
  REQUIRE(client.get("/v1/collections/gallery").at("images") == 420);
  const std::map<std::string, std::map<std::string, Recalls>> card = {
      {"caption", {{"all", {78.1, 97.4, 99.0}}, {"single", {75.3, 96.3, 98.7}}, {"scene", {85.0, 100, 100}}}},
      {"caption_zh", {{"all", {76.7, 98.1, 99.8}}, {"single", {74.0, 98.0, 99.7}}, {"scene", {83.3, 98.3, 100}}}}};
  for (const auto& [caption, kinds] : card) {
    const auto ranks = ranks_by_kind(client, caption);
    for (const auto& [kind, expected] : kinds) {
      const auto measured = recalls(ranks.at(kind));
      for (std::size_t i = 0; i < 3; ++i) {
        CAPTURE(caption, kind, kRanks[i]);
        CHECK(measured[i] == Catch::Approx(expected[i]).margin(0.5));
      }
    }
  }
}

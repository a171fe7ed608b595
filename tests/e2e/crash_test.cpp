// kill -9 while images come in. The client's journal of acknowledged operations is the oracle.
#include <algorithm>
#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>
#include <map>
#include <random>
#include <set>
#include <thread>

#include "tests/clipdex_program.h"
#include "tests/e2e/rest_client.h"

using namespace clipdex::tests;

namespace {

const std::string kCollection = "/v1/collections/c";
constexpr int kRounds = 6;
constexpr int kImagesPerRequest = 4;

// What the client knows for certain, and what it asked for without getting an answer.
struct Journal {
  std::map<std::string, std::string> present;      // id -> picture
  std::set<std::string> absent;                    // deleted
  std::map<std::string, std::string> in_question;  // ids of the one request under way when the server died -> picture, "" for a deletion
};

std::vector<std::string> pictures() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(kGallery)) {
    if (entry.path().extension() == ".png") names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

// Adds, replaces and deletes until the server no longer answers.
void work(const std::string& url, Journal& journal, std::mt19937& random) {
  static const auto names = pictures();
  RestClient client(url);
  for (int number = 0;; ++number) {
    std::map<std::string, std::string> wanted;
    if (number % 5 == 4 && !journal.present.empty()) {
      wanted[std::next(journal.present.begin(), static_cast<long>(random() % journal.present.size()))->first] = "";
      client.remove(kCollection + "/images/" + wanted.begin()->first);
    } else {
      json images = json::array();
      while (wanted.size() < kImagesPerRequest) wanted["image-" + std::to_string(random() % 400)] = names[random() % names.size()];
      for (const auto& [id, picture] : wanted) {
        images.push_back(image_of(id, gallery_file(picture)));
        images.back()["metadata"] = {{"picture", picture}};
      }
      client.post(kCollection + "/images", {{"images", images}});
    }
    if (client.status() == 0) {
      journal.in_question = wanted;
      return;
    }
    for (const auto& [id, picture] : wanted) {
      if (picture.empty()) {
        journal.present.erase(id);
        journal.absent.insert(id);
      } else {
        journal.present[id] = picture;
        journal.absent.erase(id);
      }
    }
  }
}

std::map<std::string, std::string> listed(RestClient& client) {
  std::map<std::string, std::string> all;
  const json page = client.get(kCollection + "/images?limit=1000");
  for (const auto& record : page.at("images")) all[record.at("id")] = record.at("metadata").at("picture");
  return all;
}

// The request in question took place whole or not at all; the journal is then what the server has.
void settle(Journal& journal, const std::map<std::string, std::string>& found) {
  auto with = journal.present;
  for (const auto& [id, picture] : journal.in_question) {
    if (picture.empty()) {
      with.erase(id);
    } else {
      with[id] = picture;
    }
  }
  const bool whole = found == with;
  const bool not_at_all = found == journal.present;
  CHECK((whole || not_at_all));
  journal.present = found;
  for (const auto& [id, picture] : found) journal.absent.erase(id);
  journal.in_question.clear();
}

// Store, index and content agree with each other.
void check_agreement(RestClient& client, const std::map<std::string, std::string>& found) {
  CHECK(client.get(kCollection).at("images") == found.size());
  if (found.empty()) return;
  std::set<std::string> searched;
  const json answer = client.post(kCollection + "/search", {{"text", "a picture"}, {"limit", 1000}});
  for (const auto& hit : answer.at("hits")) searched.insert(hit.at("id"));
  CHECK(searched.size() == found.size());
  for (const auto& [id, picture] : found) {
    CAPTURE(id, picture);
    CHECK(searched.contains(id));
    // Copies of the picture under other ids score as high.
    const auto alike = client.post(kCollection + "/search", {{"id", id}, {"limit", 20}}).at("hits");
    const auto self = std::find_if(alike.begin(), alike.end(), [&](const json& hit) { return hit.at("id") == id; });
    REQUIRE(self != alike.end());
    CHECK(self->at("score").get<double>() == Catch::Approx(1).margin(1e-5));
    const auto by_picture = client.post(kCollection + "/search", {{"image", base64(gallery_file(picture))}, {"limit", 1}}).at("hits");
    CHECK(by_picture[0].at("score").get<double>() == Catch::Approx(1).margin(1e-4));
    CHECK(client.http().Get(kCollection + "/images/" + id + "/content")->status == 200);
  }
}

}  // namespace

TEST_CASE("after kill -9 during ingest every acknowledged operation is there and nothing is half applied") {
  TemporaryDirectory data;
  std::mt19937 random(20261125);
  Journal journal;
  std::size_t acknowledged = 0;
  for (int round = 0; round < kRounds; ++round) {
    CAPTURE(round);
    {
      RunningServer server(data.path());
      RestClient client(server.url());
      client.put(kCollection);
      std::thread worker([&] { work(server.url(), journal, random); });
      std::this_thread::sleep_for(std::chrono::milliseconds(20 + 83 * round));
      server.kill();
      worker.join();
    }
    acknowledged += journal.present.size();
    RunningServer server(data.path());
    RestClient client(server.url());
    const auto found = listed(client);
    settle(journal, found);
    check_agreement(client, found);
    for (const auto& id : journal.absent) {
      client.get(kCollection + "/images/" + id);
      CHECK(client.status() == 404);
    }
    CHECK(server.stop() == 0);
  }
  CHECK(acknowledged > 0);  // or the rounds have shown nothing
}

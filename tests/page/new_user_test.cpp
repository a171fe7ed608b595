// What somebody does who has just got clipdex: a folder of pictures, the page, a stop and a start, a snapshot, and the restored one.
#include <catch2/catch_test_macros.hpp>
#include <filesystem>

#include "tests/page/page.h"

namespace clipdex::tests {
namespace {

namespace fs = std::filesystem;

std::vector<Shown> search_on_page(Page& page, const std::string& query) {
  page.open();
  page.search(query);
  page.see_all_thumbnails(".card img");
  CHECK(page.browser.console_errors() == kNone);
  return page.results();
}

void require_success(const std::vector<std::string>& command) {
  const auto outcome = run_clipdex(command);
  INFO(outcome.error);
  REQUIRE(outcome.exit_code == 0);
}

TEST_CASE("a folder of pictures is found on the page, after a restart too, and as it was in a restored snapshot") {
  const TemporaryDirectory directory;
  const auto data = directory.path() / "data", restored = directory.path() / "restored";
  require_success({"ingest", kGallery.string(), "--data", data.string()});
  std::vector<Shown> before, after;
  {
    Page page(data);
    before = search_on_page(page, "a red apple");
    REQUIRE(before.size() == 60);
    CHECK(before[0].id == "red-apple.png");
    require_success({"snapshot", "create", "monday", "--server", page.server.url()});
    require_success({"delete", "red-apple.png", "--server", page.server.url()});
    after = search_on_page(page, "a red apple");
    CHECK(after.at(0).id == before[1].id);
    CHECK(page.server.stop() == 0);
  }
  {
    Page page(data);
    CHECK(search_on_page(page, "a red apple") == after);
    CHECK(page.server.stop() == 0);
  }
  require_success({"snapshot", "restore", "monday", restored.string(), "--data", data.string()});
  fs::remove_all(data);
  Page page(restored);
  CHECK(search_on_page(page, "a red apple") == before);
  CHECK(page.text("#status").starts_with("Best 60 of 420 pictures"));
}

}  // namespace
}  // namespace clipdex::tests

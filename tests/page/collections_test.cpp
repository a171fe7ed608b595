// The menu of collections, and making a new one.
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "tests/page/page.h"

namespace clipdex::tests {
namespace {

using Catch::Matchers::ContainsSubstring;

struct Several : Page {
  Several() {
    ingest("fruit", "red-apple.png", "an apple");
    ingest("vehicles", "rocket.png", "a rocket");
    ingest("vehicles", "accordion.png", "an accordion");
  }
  void make(const std::string& name) {
    browser.click("#collection");
    browser.click("#make-collection");
    browser.type("#new-collection-name", name);
  }
};

TEST_CASE_METHOD(Several, "the menu lists the collections with their sizes, marks the one looked at, and works with the keyboard") {
  open();
  CHECK(text("#collection") == "vehicles");
  browser.click("#collection");
  CHECK(browser.run("return [...document.querySelectorAll('#collection-menu a')].map((link) => link.innerText.split('\\n'))") ==
        json::parse(R"([["fruit", "1"], ["vehicles", "2"]])"));
  CHECK(text("#collection-menu [aria-current] span") == "vehicles");
  browser.press(kEscape);
  CHECK(text("#collection-menu").empty());
  CHECK(focused() == "collection");
  browser.press(kEnter);
  browser.press(kArrowUp);
  browser.press(kEnter);
  browser.wait_until("location.search === '?collection=fruit'");
  settle();
  CHECK(results().at(0).id == "an apple");
  browser.click("#collection");
  browser.click("h1");  // anywhere else
  CHECK(text("#collection-menu").empty());
  CHECK(browser.console_errors() == kNone);
}

TEST_CASE_METHOD(Several, "a new collection is made with what it keeps, and is looked at") {
  open();
  make("my-trip_2");
  browser.click("#new-collection-form [value=original]");
  browser.type("#new-collection-name", kEnter);
  browser.wait_until("location.search === '?collection=my-trip_2'");
  settle();
  CHECK(text("#home h1") == "The collection “my-trip_2” is empty");
  CHECK(text("#collection") == "my-trip_2");
  REQUIRE(client.collection("my-trip_2"));
  CHECK(client.collection("my-trip_2")->settings.store == engine::StoredContent::kOriginal);
  CHECK(browser.console_errors() == kNone);
}

TEST_CASE_METHOD(Several, "a name that cannot be is told in the form, and the form stays") {
  open();
  make("No Spaces");
  browser.click("#new-collection-create");
  CHECK(browser.run("return document.getElementById('new-collection-name').validity.patternMismatch") == true);
  browser.run("document.getElementById('new-collection-name').value = 'fruit'");
  browser.click("#new-collection-form [value=none]");  // it exists, with thumbnails
  browser.click("#new-collection-create");
  browser.wait_until("document.getElementById('new-collection-error').innerText");
  CHECK_THAT(text("#new-collection-error"), ContainsSubstring("exists with other settings"));
  CHECK(text("#error").empty());
  fail_requests(true);
  browser.click("#new-collection-create");
  browser.wait_until("document.getElementById('new-collection-error').innerText.includes('does not answer')");
  browser.click("#new-collection-cancel");
  CHECK(text("#new-collection").empty());
  CHECK(client.collections().size() == 2);
}

}  // namespace
}  // namespace clipdex::tests

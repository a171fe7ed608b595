// One picture in the dialog: what is known of it, its neighbours, its address, and deleting it.
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "tests/page/page.h"

namespace clipdex::tests {
namespace {

using Catch::Matchers::ContainsSubstring;

struct Record : Gallery {
  void loaded() { browser.wait_until("document.getElementById('record').open && document.getElementById('record').ariaBusy === 'false'"); }
  void open_record(const std::string& id) {
    browser.click("[data-id='" + id + "'] .open");
    loaded();
  }
  bool is_open() { return browser.run("return document.getElementById('record').open"); }
  std::string fact(const std::string& name) {
    return browser.run(
        "return [...document.querySelectorAll('dt')].find((dt) => dt.innerText === arguments[0])?.nextSibling.innerText ?? ''", {name});
  }
};

TEST_CASE_METHOD(Record, "a click shows the picture with all that is known of it") {
  open("/?q=a+red+apple");
  open_record("red-apple.png");
  CHECK(text("#record-title") == "red apple");
  CHECK(fact("Id") == "red-apple.png");
  CHECK(fact("Similarity") == results().at(0).score);
  CHECK_THAT(fact("Size"), ContainsSubstring("128 × 128 · PNG · ") && ContainsSubstring(" kB"));
  CHECK(fact("Source") == "red-apple.png");
  CHECK_FALSE(fact("Added").empty());
  const auto metadata = json::parse(text("#record-metadata"));
  CHECK(metadata.at("caption") == "red apple");
  CHECK_THAT(text("#record-metadata"), ContainsSubstring("{\n  \"caption\": \"red apple\",\n"));
  see_all_thumbnails("#record-picture img");
  CHECK(address() == "/?q=a+red+apple&image=red-apple.png");
  CHECK(browser.console_errors() == kNone);
}

TEST_CASE_METHOD(Record, "arrows go to the next and the previous picture, Esc closes, and the focus is on the last one") {
  open("/?q=a+red+apple");
  const auto shown = results();
  open_record(shown[0].id);
  CHECK(browser.run("return document.getElementById('record-previous').disabled") == true);
  browser.press(kArrowRight);
  loaded();
  CHECK(fact("Id") == shown[1].id);
  browser.click("#record-next");
  loaded();
  CHECK(fact("Id") == shown[2].id);
  browser.press(kArrowLeft);
  loaded();
  CHECK(fact("Id") == shown[1].id);
  CHECK(fact("Similarity") == shown[1].score);
  browser.press(kEscape);
  browser.wait_until("!location.search.includes('image')");
  CHECK_FALSE(is_open());
  CHECK(browser.run("return document.activeElement.closest('.card')?.dataset.id") == shown[1].id);
  CHECK(results() == shown);
}

TEST_CASE_METHOD(Record, "the arrow at the end of the list brings the next page") {
  open("/?q=a+red+apple");
  const auto shown = results();
  browser.run("document.querySelector('.card:last-child .open').click()");
  loaded();
  browser.press(kArrowRight);
  browser.wait_until("document.querySelector('#record-facts dd')?.innerText !== arguments[0]", {shown.back().id});
  loaded();
  CHECK(results().size() > shown.size());
  CHECK(fact("Id") == results().at(shown.size()).id);
}

TEST_CASE_METHOD(Record, "a record has an address, and the browser's buttons open and close it") {
  open("/?q=a+red+apple&image=tomato.png");
  loaded();
  CHECK(fact("Id") == "tomato.png");
  browser.click("#record-close");
  CHECK_FALSE(is_open());
  CHECK(address() == "/?q=a+red+apple");
  open_record("strawberry.png");
  browser.back();
  browser.wait_until("!document.getElementById('record').open");
  CHECK(address() == "/?q=a+red+apple");
  browser.forward();
  loaded();
  CHECK(fact("Id") == "strawberry.png");
  browser.click("#record-more");
  settle();
  CHECK_FALSE(is_open());
  CHECK(address() == "/?id=strawberry.png");
  CHECK(results().at(0).id == "strawberry.png");
  browser.back();
  browser.wait_until("location.search.includes('image=')");
  loaded();
  CHECK(fact("Id") == "strawberry.png");
  CHECK(results().at(0).id == "red-apple.png");
  CHECK(browser.console_errors() == kNone);
}

TEST_CASE_METHOD(Record, "a record that is not in the list is shown from its link") {
  open("/?image=rocket.png");
  loaded();
  CHECK(text("#record-title") == "rocket");
  CHECK(browser.run("return document.getElementById('record-next').disabled") == true);
}

TEST_CASE_METHOD(Record, "the id can be copied") {
  open("/?image=rocket.png");
  loaded();
  browser.click("#record-copy");
  browser.wait_until("document.getElementById('notice').innerText");
  CHECK(text("#notice") == "Id copied.");
  browser.press(kEscape);
  browser.type("#query", kControl + "v");
  CHECK(query() == "rocket.png");
}

TEST_CASE_METHOD(Record, "deleting asks first, takes the picture out of the list, and goes on with the next one") {
  open("/?q=a+red+apple");
  const auto shown = results();
  open_record(shown[1].id);
  browser.click("#record-delete");
  CHECK_THAT(text("#record-confirm"), ContainsSubstring("cannot be undone"));
  CHECK(focused() == "record-keep");
  browser.press(kEscape);  // leaves the question, not the dialog
  CHECK(text("#record-confirm").empty());
  CHECK(is_open());
  CHECK(client.get("gallery", shown[1].id));
  browser.click("#record-delete");
  browser.click("#record-delete-really");
  browser.wait_until("document.querySelector('#record-facts dd').innerText === arguments[0]", {shown[2].id});
  loaded();
  CHECK_FALSE(client.get("gallery", shown[1].id));
  CHECK(text("#record-confirm").empty());
  browser.press(kArrowLeft);  // the keys still work
  loaded();
  CHECK(fact("Id") == shown[0].id);
  browser.press(kEscape);
  browser.wait_until("!location.search.includes('image')");
  CHECK(results().at(1).id == shown[2].id);
  CHECK_THAT(text("#status"), ContainsSubstring("of 419 pictures"));
  browser.run("document.getElementById('show-more').click()");
  browser.wait_until("document.querySelectorAll('.card').length >= 119");
  settle();
  CHECK(browser.run("return new Set([...document.querySelectorAll('.card')].map((card) => card.dataset.id)).size") == results().size());
  CHECK(browser.console_errors() == kNone);
}

TEST_CASE_METHOD(Page, "after the last picture is deleted the collection is empty") {
  ingest("photos", "rocket.png", "1");
  open("/?image=1");
  browser.click("#record-delete");
  browser.click("#record-delete-really");
  browser.wait_until("!document.getElementById('record').open");
  CHECK(text("#home h1") == "The collection “photos” is empty");
}

TEST_CASE_METHOD(Page, "the original is shown where it is kept") {
  client.create_collection("photos", {.store = engine::StoredContent::kOriginal});
  ingest("photos", "rocket.png", "1");
  open("/?image=1");
  browser.wait_until("document.querySelector('#record-picture img')?.src.endsWith('size=original')");
  see_all_thumbnails("#record-picture img");
  CHECK(browser.console_errors() == kNone);
}

TEST_CASE_METHOD(Record, "what goes wrong with a record is said in the dialog, and can be tried again") {
  open("/?q=a+red+apple");
  fail_requests(true);
  open_record("red-apple.png");
  CHECK(text("#record-error p") == "The server does not answer. Is clipdex still running?");
  CHECK(text("#error").empty());
  CHECK(text("#record-title") == "red apple");  // what the list knows is there all the same
  fail_requests(false);
  browser.click("#record-error button");
  loaded();
  CHECK(text("#record-error").empty());
  CHECK_FALSE(fact("Added").empty());
  open("/?image=nothing");
  loaded();
  CHECK_THAT(text("#record-error"), ContainsSubstring("no image \"nothing\""));
}

}  // namespace
}  // namespace clipdex::tests

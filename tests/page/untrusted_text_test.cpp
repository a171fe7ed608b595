// Ids and metadata come from anybody's files: they are shown as text, whatever is in them.
#include <catch2/catch_test_macros.hpp>

#include "tests/page/page.h"

namespace clipdex::tests {
namespace {

const std::vector<std::string> kNone;
const std::string kEvilCaption = "<img src=x onerror=alert(1)>";

TEST_CASE_METHOD(Page, "HTML in captions and ids is shown as text") {
  const std::string evil_id = "<script>window.broken = true</script>";
  ingest("photos", "rocket.png", evil_id, {{"caption", kEvilCaption}});
  open();
  CHECK(text(".examples button") == kEvilCaption);
  search(kEvilCaption);
  CHECK(results().at(0).caption == kEvilCaption);
  browser.click(".open");
  browser.wait_until("document.getElementById('record').getAttribute('aria-busy') === 'false'");
  CHECK(text("#record-title") == kEvilCaption);
  CHECK(text("#record-facts dd") == evil_id);
  CHECK(json::parse(text("#record-metadata")) == json({{"caption", kEvilCaption}}));
  browser.click("#record-more");
  settle();
  CHECK(text("#chip-text") == kEvilCaption);
  CHECK(results().at(0).id == evil_id);
  CHECK(browser.run("return document.querySelectorAll('[onerror], body script').length") == 0);
  CHECK(browser.run("return window.broken === undefined") == true);
  CHECK(browser.console_errors() == kNone);
}

TEST_CASE_METHOD(Page, "ids with slashes, percent signs, question marks, hashes and any script have thumbnails and can be searched by") {
  const std::vector<std::string> ids = {"a/b/c.png",         "100%.png", "%2F",  "what?.png", "a#b", "a+b c&d=e",
                                        "日本/ロケット.png", "../../x",  "\"'`", "שלום",      "🚀",  "a\\b"};
  for (const auto& id : ids) ingest("photos", "rocket.png", id);
  ingest("photos", "red-apple.png", "an apple");
  open();
  see_all_thumbnails(".card img");
  CHECK(results().size() == ids.size() + 1);
  search("a rocket");
  CHECK(results().size() == ids.size() + 1);
  see_all_thumbnails(".card img");
  for (const auto& id : ids) {
    INFO(id);
    browser.run("[...document.querySelectorAll('.card')].find((card) => card.dataset.id === arguments[0]).querySelector('.more').click()",
                {id});
    browser.wait_until("new URLSearchParams(location.search).get('id') === arguments[0]", {id});
    settle();
    CHECK(text("#error").empty());
    CHECK(results().at(0).score == "1.000");
    browser.reload();
    settle();
    CHECK(text("#error").empty());
    CHECK(results().size() == ids.size() + 1);
    see_all_thumbnails("#chip-image");
    browser.run("[...document.querySelectorAll('.card')].find((card) => card.dataset.id === arguments[0]).querySelector('.open').click()",
                {id});
    browser.reload();  // to the record, by its address
    settle();
    CHECK(text("#record-facts dd") == id);
    CHECK(text("#record-error").empty());
    browser.press(kEscape);
    browser.wait_until("!new URLSearchParams(location.search).has('image')");
  }
  CHECK(browser.console_errors() == kNone);
}

TEST_CASE_METHOD(Page, "captions of other types than text, empty ones and none fall back to the file's name") {
  ingest("photos", "rocket.png", "number", {{"caption", 7}});
  ingest("photos", "rocket.png", "empty", {{"caption", " "}});
  ingest("photos", "rocket.png", "list", {{"caption", {"a", "b"}}, {"title", "not looked at"}});
  ingest("photos", "rocket.png", "none");
  open("/?q=rocket");
  for (const auto& shown : results()) {
    INFO(shown.id);
    CHECK(shown.caption == "rocket.png");
  }
  CHECK(results().size() == 4);
}

TEST_CASE_METHOD(Page, "HTML in the names of uploaded files and in the server's words is shown as text") {
  client.create_collection("photos", {});
  open();
  drop("main", {{{"name", "<img src=x onerror=alert(1)>.png"}, {"text", "no picture"}}, {{"name", "<b>good.png"}, {"side", 8}}});
  browser.wait_until("document.querySelector('[data-state=failed]') && document.querySelector('[data-state=created]')");
  CHECK(text("[data-state=failed] .name") == "<img src=x onerror=alert(1)>.png");
  CHECK(text("[data-state=created] .name") == "<b>good.png");
  open("/?collection=<b>none</b>");
  CHECK(text("#error p") == "There is no collection “<b>none</b>” here.");
  CHECK(browser.run("return document.querySelectorAll('[onerror], main b, #uploads b').length") == 0);
  CHECK(browser.console_errors() == kNone);
}

TEST_CASE_METHOD(Page, "the page's policy keeps foreign and inline scripts, styles and requests from running") {
  open();
  browser.run(R"js(
    const script = document.createElement('script');
    script.textContent = 'window.broken = true';
    document.body.append(script);
    document.body.insertAdjacentHTML('beforeend', '<img src="x:" onerror="window.broken = true"><p id="styled" style="color: rgb(1, 2, 3)">x</p>');
    await fetch('http://127.0.0.1:1/').catch(() => {});
  )js");
  CHECK(browser.run("return window.broken === undefined") == true);
  CHECK(browser.run("return getComputedStyle(document.getElementById('styled')).color") != "rgb(1, 2, 3)");
  int violations = 0;
  for (const auto& message : browser.console_errors()) violations += message.find("Content Security Policy") != std::string::npos;
  CHECK(violations >= 4);
}

}  // namespace
}  // namespace clipdex::tests

// What the page shows when there is nothing to search, several collections, no thumbnails, or no server any more.
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "tests/gallery.h"
#include "tests/page/page.h"

namespace clipdex::tests {
namespace {

using Catch::Matchers::ContainsSubstring;

TEST_CASE_METHOD(Page, "a server without pictures shows the command that adds some, and notices when there are") {
  open();
  CHECK(text("#home h1") == "No pictures yet");
  CHECK(text("#home pre") == "clipdex ingest ~/Pictures --collection photos --server " + server.url());
  const std::string images = server.url() + "/v1/collections/photos";
  CHECK(text(".commands:nth-of-type(2) pre") == "curl -X PUT " + images + "\ncurl -F file=@picture.jpg " + images + "/images");
  search("a red apple");
  CHECK(text("#home h1") == "No pictures yet");
  CHECK(text("#error").empty());
  client.create_collection("photos", {});
  browser.click("#home-link");
  browser.wait_until("document.querySelector('#home h1').innerText.startsWith('The collection')");
  CHECK(text("#home h1") == "The collection “photos” is empty");
  CHECK(text(".commands:nth-of-type(2) pre") == "curl -F file=@picture.jpg " + images + "/images");
  ingest("photos", "rocket.png", "1", {{"title", "our rocket"}});
  browser.click("#look-again");
  settle();
  CHECK(text("#home h1") == "Search 1 picture by what is in them");
  CHECK(text(".examples button") == "our rocket");
  browser.click(".examples button");
  settle();
  CHECK(results().at(0).caption == "our rocket");
  CHECK(text("#status").starts_with("Best 1 of 1 picture in "));
  CHECK(browser.console_errors() == kNone);
}

TEST_CASE_METHOD(Page, "when the server is gone the page says so, and searches again when it is back") {
  ingest("photos", "rocket.png", "1");
  open();
  server.process().signal(SIGSTOP);  // first it hangs: nothing is shown as an error, and the page stays usable
  browser.type("#query", "a rocket" + kEnter);
  browser.wait_until("document.getElementById('main').getAttribute('aria-busy') === 'true'");
  server.process().signal(SIGCONT);
  settle();
  CHECK(results().size() == 1);

  const std::string port = std::to_string(server.port());
  server.stop();
  browser.click(".more");
  settle();
  CHECK(text("#error p") == "The server does not answer. Is clipdex still running?");
  CHECK(results().empty());
  ChildProcess again({kProgram, "serve", "--data", (directory.path() / "data").string(), "--port", port});
  browser.wait_until("await fetch('/readyz').then(() => true, () => false)");
  browser.click("#error button");
  settle();
  CHECK(text("#error").empty());
  CHECK(results().at(0) == Shown{"1", "rocket.png", "1.000"});
}

TEST_CASE_METHOD(Page, "a page that was opened while the server was going down recovers with the first search") {
  ingest("photos", "rocket.png", "1");
  open();
  fail_requests(true);
  browser.click("#home-link");
  settle();
  CHECK(text("#error p") == "The server does not answer. Is clipdex still running?");
  CHECK(at_home());
  fail_requests(false);
  search("a rocket");
  CHECK(text("#error").empty());
  CHECK(results().size() == 1);
}

TEST_CASE_METHOD(Page, "with several collections choosing another one searches that") {
  ingest("fruit", "red-apple.png", "an apple");
  ingest("fruit", "strawberry.png", "a strawberry");
  ingest("vehicles", "rocket.png", "a rocket");
  open();
  CHECK(text("#home h1") == "Search 2 pictures by what is in them");  // the larger one
  search("a red apple");
  CHECK(results().at(0).id == "an apple");
  CHECK(address() == "/?collection=fruit&q=a+red+apple");
  choose_collection("vehicles");
  CHECK(address() == "/?collection=vehicles&q=a+red+apple");
  CHECK(results().size() == 1);
  CHECK(results().at(0).id == "a rocket");
  CHECK(query() == "a red apple");
  browser.back();
  browser.wait_until("document.getElementById('collection').innerText === 'fruit'");
  settle();
  CHECK(results().at(0).id == "an apple");
  open("/?collection=vehicles&id=a+rocket");
  CHECK(results().at(0).score == "1.000");
  CHECK(text("#collection") == "vehicles");
  open("/?collection=fish&q=a+rocket");
  CHECK(text("#error p") == "There is no collection “fish” here.");
  browser.click("#error button");
  settle();
  CHECK(address() == "/?collection=fruit&q=a+rocket");
  CHECK(results().size() == 2);
  CHECK(browser.console_errors() == kNone);
}

TEST_CASE_METHOD(Page, "a collection that keeps no thumbnails shows a drawing in their place and asks for none") {
  client.create_collection("bare", {.store = engine::StoredContent::kNone});
  ingest("bare", "rocket.png", "1", {{"caption", "a rocket"}});
  open();
  CHECK(browser.run("return document.querySelectorAll('#home img').length") == 0);
  search("rocket");
  CHECK(results().at(0).caption == "a rocket");
  CHECK(browser.run("return document.querySelectorAll('.card img').length") == 0);
  CHECK(browser.run("return document.querySelector('.picture svg').checkVisibility()") == true);
  browser.click(".open");
  CHECK(text("#record-picture") == "This collection keeps no pictures.");
  browser.click("#record-more");
  settle();
  CHECK(text("#chip-text") == "a rocket");
  CHECK(browser.run("return document.getElementById('chip-image').checkVisibility()") == false);
  CHECK(browser.console_errors() == kNone);
}

TEST_CASE_METHOD(Page, "a collection that cannot be used is named, with the reason") {
  ingest("photos", "rocket.png", "1");
  server.stop();
  write_other_model(directory.path() / "other");
  const RunningServer other(directory.path() / "data", {"--model", (directory.path() / "other").string()});
  browser.open(other.url());
  settle();
  CHECK(text("#home h1") == "No pictures yet");
  CHECK_THAT(text("#home .note"), ContainsSubstring("The collection “photos” cannot be used: ") && ContainsSubstring("model"));
  browser.open(other.url() + "/?collection=photos&q=rocket");
  settle();
  CHECK_THAT(text("#error"), ContainsSubstring("The collection “photos” cannot be used: "));
  CHECK(browser.console_errors() == kNone);
}

TEST_CASE_METHOD(Page, "a link to a picture that is gone says so") {
  ingest("photos", "rocket.png", "1");
  open("/?id=2");
  CHECK_THAT(text("#error"), ContainsSubstring("no image \"2\""));
  CHECK(results().empty());
}

}  // namespace
}  // namespace clipdex::tests

// Looking through a long list: a collection without a query, page by page, and coming back to where one was.
#include <catch2/catch_test_macros.hpp>

#include "tests/page/page.h"

namespace clipdex::tests {
namespace {

const std::string kCards = "return document.querySelectorAll('.card').length";

TEST_CASE_METHOD(Gallery, "a collection is browsed without a query, to its end, in the order of ids and each picture once") {
  open();
  browser.run(R"js(
    const more = document.getElementById('show-more');
    while (!more.hidden) {
      more.scrollIntoView();
      await new Promise(requestAnimationFrame);
    }
  )js");
  settle();
  CHECK(results().size() == 420);
  CHECK(browser.run(R"js(
    const ids = [...document.querySelectorAll('.card')].map((card) => card.dataset.id);
    return ids.every((id, i) => i === 0 || ids[i - 1] < id);
  )js") == true);
  CHECK(browser.console_errors() == kNone);
}

TEST_CASE_METHOD(Gallery, "the next page comes as the end comes near, and nothing that is there moves") {
  open("/?q=a+red+apple");
  REQUIRE(browser.run(kCards) == 60);
  const std::string places = R"js(
    return [...document.querySelectorAll('.card')].slice(0, 50).map((card) => [card.offsetLeft, card.offsetTop, card.offsetWidth]);
  )js";
  const json before = browser.run(places);
  browser.run("document.getElementById('show-more').scrollIntoView()");
  browser.wait_until("document.querySelectorAll('.card').length > 60");
  settle();
  CHECK(browser.run(places) == before);
}

TEST_CASE_METHOD(Gallery, "pictures take the room of their proportions before they are loaded") {
  client.create_collection("shapes", {});
  open("/?collection=shapes");
  // Thumbnails never come: what is seen is known from the records.
  browser.run("window.shapes = [[400, 200], [200, 400], [300, 300], [500, 200]]");
  browser.run(R"js(
    for (const [width, height] of window.shapes) {
      const canvas = document.createElement('canvas');
      [canvas.width, canvas.height] = [width, height];
      const form = new FormData();
      form.append('file', await new Promise((resolve) => canvas.toBlob(resolve)), `${width}x${height}.png`);
      await fetch('/v1/collections/shapes/images', { method: 'POST', body: form });
    }
  )js");
  open("/?collection=shapes&q=shape");
  CHECK(results().size() == 4);
  const json wrong = browser.run(R"js(
    return [...document.querySelectorAll('.card')].map((card) => {
      const picture = card.querySelector('.picture');
      card.querySelector('img').remove();
      const [width, height] = card.querySelector('.caption').innerText.match(/\d+/g);
      return [picture.offsetWidth / picture.offsetHeight, width / height];
    }).filter(([shown, true_]) => Math.abs(shown / true_ - 1) > 0.02);
  )js");
  CHECK(wrong == json::array());
  CHECK(browser.run("return new Set([...document.querySelectorAll('.picture')].map((picture) => picture.offsetTop)).size") == 1);
}

TEST_CASE_METHOD(Gallery, "going back, and reloading, shows as many pictures as before, at the same place") {
  open();
  browser.run("document.getElementById('show-more').click()");
  browser.wait_until("document.querySelectorAll('.card').length >= 120");
  settle();
  browser.run("scrollTo(0, 3000)");
  settle();
  const json shown = browser.run(kCards);
  browser.run("document.querySelectorAll('.card')[70].querySelector('.more').click()");
  settle();
  CHECK(results().at(0).score == "1.000");
  CHECK(browser.run("return scrollY") == 0);
  browser.back();
  browser.wait_until("document.querySelectorAll('.card').length > 60");
  settle();
  CHECK(browser.run(kCards) == shown);
  CHECK(browser.run("return scrollY") == 3000);
  browser.reload();
  settle();
  CHECK(browser.run(kCards) == shown);
  CHECK(browser.run("return scrollY") == 3000);
  CHECK(browser.console_errors() == kNone);
}

TEST_CASE_METHOD(Gallery, "a page that cannot be loaded says so at the end of the list, and can be asked for again") {
  open();
  fail_requests(true);
  browser.run("document.getElementById('show-more').click()");
  browser.wait_until("document.getElementById('paging-error').innerText");
  CHECK(text("#paging-error p") == "The server does not answer. Is clipdex still running?");
  CHECK(text("#error").empty());
  CHECK(results().size() == 60);
  fail_requests(false);
  browser.click("#paging-error button");
  browser.wait_until("document.querySelectorAll('.card').length > 60");
  settle();
  CHECK(text("#paging-error").empty());
}

TEST_CASE_METHOD(Page, "while the first answer is awaited there is room for pictures, and then they are there") {
  ingest("photos", "rocket.png", "1");
  open();
  server.process().signal(SIGSTOP);
  browser.click("#home-link");
  browser.wait_until("document.getElementById('main').getAttribute('aria-busy') === 'true'");
  CHECK(results().size() == 1);  // what was there stays until something better comes
  CHECK(text("#error").empty());
  server.process().signal(SIGCONT);
  settle();
  CHECK(results().size() == 1);
}

}  // namespace
}  // namespace clipdex::tests

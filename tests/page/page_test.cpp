// Searching on the page: by text, by a picture that is there, the history, the keyboard, how it looks.
#include "tests/page/page.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

namespace clipdex::tests {
namespace {

using Catch::Matchers::StartsWith;

TEST_CASE_METHOD(Gallery, "typing a query and pressing Enter shows the best picture first, with its caption and score") {
  open();
  CHECK(focused() == "query");
  browser.type("#query", "a red apple" + kEnter);
  browser.wait_until("document.querySelector('.card')");
  settle();
  const auto shown = results();
  REQUIRE(shown.size() == 60);
  CHECK(shown[0].id == "red-apple.png");
  CHECK(shown[0].caption == "red apple");
  CHECK_THAT(shown[0].score, StartsWith("0.67"));
  CHECK_THAT(text("#status"), StartsWith("Best 60 of 420 pictures in "));
  CHECK(address() == "/?q=a+red+apple");
  CHECK(browser.run("return document.title") == "a red apple – clipdex");
  see_all_thumbnails(".card img");
  CHECK(browser.console_errors() == kNone);
}

TEST_CASE_METHOD(Gallery, "a Chinese query finds its picture, from the keyboard and from a link") {
  open();
  search("火箭");
  CHECK(results().at(0).id == "rocket.png");
  open("/?q=%E7%81%AB%E7%AE%AD");
  CHECK(results().at(0).id == "rocket.png");
  CHECK(query() == "火箭");
  CHECK(browser.console_errors() == kNone);
}

TEST_CASE_METHOD(Gallery, "More like this searches by the picture, and going back returns to the earlier results and their query") {
  open();
  search("a red apple");
  const auto apples = results();
  browser.click("[data-id='strawberry.png'] .more");
  settle();
  CHECK(results().at(0) == Shown{"strawberry.png", "strawberry", "1.000"});
  CHECK(address() == "/?id=strawberry.png");
  CHECK(text("#chip-text") == "strawberry");
  CHECK(query().empty());
  see_all_thumbnails("#chip-image");

  browser.back();
  browser.wait_until("document.getElementById('query').value === 'a red apple'");
  settle();
  CHECK(results() == apples);
  CHECK(text("#chip").empty());
  browser.back();
  browser.wait_until("document.body.classList.contains('home')");
  CHECK(query().empty());
  browser.forward();
  browser.forward();
  browser.wait_until("document.getElementById('chip-text').innerText === 'strawberry'");
  browser.reload();
  settle();
  CHECK(results().at(0).id == "strawberry.png");
  CHECK(browser.console_errors() == kNone);
}

TEST_CASE_METHOD(Gallery, "the home view shows what is there: example queries and the pictures themselves") {
  open();
  CHECK(text("#home h1") == "Search 420 pictures by what is in them");
  CHECK(browser.run("return [...document.querySelectorAll('.examples button')].map((button) => button.innerText)") ==
        json({"a red apple", "cat and pizza", "火箭"}));
  CHECK(results().size() == 60);
  CHECK(results().at(0) == Shown{"1st-place-medal.png", "1st place medal", ""});
  see_all_thumbnails(".card img");
  browser.click(".examples button:nth-of-type(2)");
  settle();
  CHECK(results().at(0).id == "scene-000.png");
  CHECK(query() == "cat and pizza");
  browser.click("#home-link");
  browser.wait_until("document.querySelector('.examples')?.checkVisibility()");
  settle();
  CHECK(query().empty());
  CHECK(results().at(0).id == "1st-place-medal.png");
  CHECK(browser.console_errors() == kNone);
}

TEST_CASE_METHOD(Gallery, "everything can be reached with the keyboard") {
  open("/?q=a+red+apple");
  browser.run("document.activeElement.blur()");
  browser.press("/");
  CHECK(focused() == "query");
  CHECK(query() == "a red apple");  // the slash itself is not typed
  browser.press(kEscape);
  CHECK(query().empty());
  browser.press("/");  // but in the field it is a character like others
  CHECK(query() == "/");

  const auto picture = [&] { return browser.run("return document.activeElement.closest('.card')?.dataset.id"); };
  browser.press(kArrowDown);
  CHECK(picture() == "red-apple.png");
  browser.press(kArrowRight);
  CHECK(picture() == "tomato.png");
  browser.press(kTab);  // its own button
  browser.press(kEnter);
  browser.wait_until("location.search === '?id=tomato.png'");
  settle();
  CHECK(results().at(0).id == "tomato.png");
  CHECK(focused() == "main");
  browser.press(kTab);  // the pictures are one stop
  CHECK(picture() == "tomato.png");
  browser.press(kEnd);
  CHECK(picture() == results().back().id);
  browser.press(kHome);
  CHECK(picture() == "tomato.png");
  browser.press(kArrowDown);  // the picture below
  CHECK(browser.run(R"js(
    const [first, below] = [document.querySelector('.card'), document.activeElement.closest('.card')].map((card) => card.getBoundingClientRect());
    return below.top > first.bottom && below.left < first.right && below.right > first.left;
  )js") == true);
  browser.press(kArrowUp);
  browser.press(kArrowUp);
  CHECK(focused() == "query");
  browser.press(kBackspace);  // in the empty field it takes the picture out of the query
  settle();
  CHECK(at_home());
  CHECK(text("#chip").empty());
}

TEST_CASE_METHOD(Gallery, "Show more adds the next pictures until all are shown, each once") {
  open("/?q=a+red+apple");
  browser.run("document.getElementById('show-more').click()");
  browser.wait_until("document.querySelectorAll('.card').length >= 120");
  settle();
  browser.run(R"js(
    const more = document.getElementById('show-more');
    while (!more.hidden) {
      const shown = document.querySelectorAll('.card').length;
      more.click();
      while (!more.hidden && document.querySelectorAll('.card').length === shown) await new Promise(requestAnimationFrame);
    }
  )js");
  settle();
  CHECK(results().size() == 420);
  CHECK(browser.run("return new Set([...document.querySelectorAll('.card')].map((card) => card.dataset.id)).size") == 420);
  CHECK(text("#show-more").empty());
}

TEST_CASE_METHOD(Gallery, "a newer search supersedes one that is still under way, in whatever order they are answered") {
  open();
  // The first answer is held back, and its request is deaf to being given up: the worst case.
  browser.run(R"js(
    const fetched = window.fetch;
    window.fetch = async (url, options) => {
      if (!String(options?.body).includes('apple')) return fetched(url, options);
      window.held = options.signal;
      const body = await (await fetched(url, { ...options, signal: undefined })).text();
      await new Promise((resolve) => { window.release = resolve; });
      return new Response(body);
    };
  )js");
  browser.type("#query", "a red apple" + kEnter);
  browser.wait_until("window.release");
  search("火箭");
  CHECK(results().at(0).id == "rocket.png");
  CHECK(browser.run("return window.held.aborted") == true);
  // The late answer has been handled when a whole request of its own has come and gone.
  browser.run("window.release(); await fetch('/healthz').then((answer) => answer.text())");
  CHECK(results().at(0).id == "rocket.png");
  CHECK(query() == "火箭");
  CHECK(text("#error").empty());
}

TEST_CASE_METHOD(Gallery, "long, pictorial and right-to-left queries are answered") {
  std::string sentence;
  while (sentence.size() < 1000) sentence += "a red apple ";
  for (const std::string& text : {sentence, std::string("🍎🎸"), std::string("תפוח אדום"), std::string("\"><script>alert(1)</script>")}) {
    open("/?q=" + browser.run("return encodeURIComponent(arguments[0])", {text}).get<std::string>());
    INFO(text);
    CHECK(query() == text);
    CHECK(results().size() == 60);
    CHECK(this->text("#error").empty());
  }
  CHECK(browser.console_errors() == kNone);
}

TEST_CASE_METHOD(Gallery, "nothing is wider than a phone of 360 pixels") {
  browser.be_a_phone(360, 740);
  const std::string width = "return document.documentElement.scrollWidth";
  const std::string long_id(500, 'x');
  ingest("gallery", "rocket.png", long_id, {{"caption", "rocket " + std::string(300, 'y')}});
  ingest("other-collection-with-a-name-of-about-the-greatest-length", "rocket.png", "1");
  for (const auto& target : {std::string("/"), std::string("/?q=rocket"), "/?id=nothing" + long_id, std::string("/?collection=none"),
                             "/?collection=gallery&id=" + long_id}) {
    open(target);
    INFO(target);
    CHECK(browser.run(width) == 360);
  }
  CHECK(text("#chip-text").starts_with("rocket yyy"));
}

TEST_CASE_METHOD(Gallery, "the page is dark for who prefers it, and its texts have enough contrast in both schemes") {
  // WCAG's contrast of each text with the nearest background behind it.
  const std::string contrasts = R"js(
    const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
    const channels = (color) => {
      canvas.clearRect(0, 0, 1, 1);
      canvas.fillStyle = color;
      canvas.fillRect(0, 0, 1, 1);
      return [...canvas.getImageData(0, 0, 1, 1).data];
    };
    const luminance = (color) => {
      const [r, g, b] = channels(color).map((c) => (c / 255 <= 0.03928 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const ground = (element) => {
      const color = getComputedStyle(element).backgroundColor;
      return channels(color)[3] === 255 ? color : ground(element.parentElement);
    };
    return ['.brand', '.brand span', '#query', '#add', '#collection', '.caption', '.score', '#status', '#record-more', '#record-delete', 'dt', 'dd',
            '.hint', '#upload-failures', '.error'].map((selector) => {
      const element = document.querySelector(selector);
      const [light, dark] = [luminance(getComputedStyle(element).color), luminance(ground(element))].sort((a, b) => b - a);
      return [selector, (light + 0.05) / (dark + 0.05)];
    }).filter(([, contrast]) => !(contrast >= 4.5));
  )js";
  const std::string ground = "return getComputedStyle(document.body).backgroundColor";
  open("/?q=a+red+apple&image=red-apple.png");
  CHECK(browser.run(ground) == "rgb(250, 249, 247)");
  CHECK(browser.run(contrasts) == json::array());
  browser.prefer_dark();
  CHECK(browser.run(ground) == "rgb(21, 21, 23)");
  CHECK(browser.run(contrasts) == json::array());
}

TEST_CASE_METHOD(Page, "the colours can be chosen, and the choice is kept") {
  const auto ground = [&] { return browser.run("return getComputedStyle(document.body).backgroundColor").get<std::string>(); };
  open();
  CHECK(browser.run("return document.getElementById('theme').title") == "Colours: as the system");
  browser.click("#theme");
  CHECK(browser.run("return document.getElementById('theme').title") == "Colours: light");
  browser.prefer_dark();
  CHECK(ground() == "rgb(250, 249, 247)");
  browser.click("#theme");
  CHECK(ground() == "rgb(21, 21, 23)");
  open();
  CHECK(browser.run("return document.getElementById('theme').title") == "Colours: dark");
  CHECK(browser.run("return document.documentElement.dataset.theme") == "dark");
  browser.click("#theme");
  browser.reload();
  settle();
  CHECK(browser.run("return document.documentElement.dataset.theme") == "auto");
  CHECK(browser.console_errors() == kNone);
}

TEST_CASE_METHOD(Gallery, "everything that can be pressed has a name for screen readers and is seen when it has the focus") {
  open("/?q=a+red+apple&image=red-apple.png");
  CHECK(browser.run(R"js(
    const name = (element) => element.getAttribute('aria-label') ?? element.labels?.[0]?.textContent ?? element.textContent.trim();
    return [...document.querySelectorAll('button, input, a, progress, dialog, select')]
      .filter((element) => !name(element) && !element.hasAttribute('aria-labelledby') && !element.hasAttribute('aria-hidden'))
      .map((element) => element.outerHTML);
  )js") == json::array());
  browser.press(kTab);
  CHECK(browser.run("return document.activeElement.matches('#record button:focus-visible')") == true);
  CHECK(browser.run("return getComputedStyle(document.activeElement).outlineStyle") == "solid");
}

}  // namespace
}  // namespace clipdex::tests

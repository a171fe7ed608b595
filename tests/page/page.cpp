#include "tests/page/page.h"

#include <catch2/catch_test_macros.hpp>
#include <exception>

namespace clipdex::tests {
namespace {

// The data directory of a server that has the gallery, made by the first test that asks for it: ingesting it takes longer than most tests.
const std::filesystem::path& gallery_data() {
  static const TemporaryDirectory kept;
  static const std::filesystem::path data = [] {
    RunningServer server(kept.path() / "data");
    const auto outcome = run_clipdex(
        {"ingest", kGallery.string(), "--metadata", (kGallery / "metadata.jsonl").string(), "-c", "gallery", "--server", server.url()});
    INFO(outcome.error);
    REQUIRE(outcome.exit_code == 0);
    REQUIRE(server.stop() == 0);
    return kept.path() / "data";
  }();
  return data;
}

std::filesystem::path prepared(const std::filesystem::path& data, bool with_gallery) {
  if (with_gallery) std::filesystem::copy(gallery_data(), data, std::filesystem::copy_options::recursive);
  return data;
}

}  // namespace

Page::Page(bool with_gallery) : server(prepared(directory.path() / "data", with_gallery)), client(server.url()) {}
Page::Page(const std::filesystem::path& data) : server(data), client(server.url()) {}

Page::~Page() {
  if (std::uncaught_exceptions() == 0) return;
  try {
    browser.screenshot(std::filesystem::path(CLIPDEX_BINARY_DIR) / "page_test_failure.png");
  } catch (const std::exception&) {  // the test's own failure is what counts
  }
}

void Page::ingest(const std::string& collection, const std::string& file, const std::string& id, const json& metadata) {
  if (!client.collection(collection)) client.create_collection(collection, {});
  const std::vector<engine::IngestItem> items = {{.id = id, .bytes = gallery_file(file), .source = file, .metadata = metadata.dump()}};
  const auto results = client.ingest(collection, items);
  INFO(results.at(0).error);
  REQUIRE(results.at(0).status == engine::IngestStatus::kCreated);
}

void Page::open(const std::string& address) {
  browser.open(server.url() + address);
  settle();
}

void Page::settle() { browser.wait_until("document.getElementById('main').getAttribute('aria-busy') === 'false'"); }

void Page::search(const std::string& text) {
  browser.run("document.getElementById('query').value = ''");
  browser.type("#query", text + kEnter);
  settle();
}

void Page::bring_file(const std::string& event, const std::string& id, const std::string& name, const std::string& type) {
  browser.run(R"js(
    const [event, id, name, type] = arguments;
    const answer = await fetch(`/v1/collections/gallery/images/${encodeURIComponent(id)}/content`);
    const canvas = document.createElement('canvas');
    const bitmap = await createImageBitmap(await answer.blob());
    [canvas.width, canvas.height] = [bitmap.width, bitmap.height];
    canvas.getContext('2d').drawImage(bitmap, 0, 0);
    const picture = await new Promise((resolve) => canvas.toBlob(resolve, type.startsWith('image/') ? type : 'image/png'));
    const carried = new DataTransfer();
    carried.items.add(new File([picture], name, { type }));
    const settings = { bubbles: true, cancelable: true };
    if (event === 'paste') {
      document.getElementById('query').dispatchEvent(new ClipboardEvent('paste', { ...settings, clipboardData: carried }));
    } else {
      for (const step of ['dragenter', 'dragover', 'drop']) {
        document.getElementById('drop-search').dispatchEvent(new DragEvent(step, { ...settings, dataTransfer: carried }));
      }
    }
  )js",
              {event, id, name, type});
  settle();
}

void Page::drop(const std::string& selector, const json& files) {
  browser.run(R"js(
    const [selector, files] = arguments;
    const carried = new DataTransfer();
    for (const { name, type = 'image/png', text, side, zeros } of files) {
      let content = text ?? new Uint8Array(zeros ?? 0);
      if (side) {
        const canvas = document.createElement('canvas');
        [canvas.width, canvas.height] = [side, side];
        const context = canvas.getContext('2d');
        const image = context.createImageData(side, side);
        for (let i = 0; i < image.data.length; ++i) image.data[i] = i % 4 === 3 ? 255 : Math.random() * 256;
        context.putImageData(image, 0, 0);
        content = await new Promise((resolve) => canvas.toBlob(resolve, type));
      }
      carried.items.add(new File([content], name, { type }));
    }
    for (const step of ['dragenter', 'dragover', 'drop']) {
      document.querySelector(selector).dispatchEvent(new DragEvent(step, { bubbles: true, cancelable: true, dataTransfer: carried }));
    }
  )js",
              {selector, files});
}

void Page::choose_collection(const std::string& name) {
  browser.click("#collection");
  browser.run("[...document.querySelectorAll('#collection-menu a')].find((link) => link.firstChild.textContent === arguments[0]).click()",
              {name});
  settle();
}

void Page::fail_requests(bool fail) {
  browser.run(
      "window.fetched = window.fetched || window.fetch;"
      "window.fetch = arguments[0] ? () => Promise.reject(new TypeError('no network')) : fetched",
      {fail});
}

std::vector<Shown> Page::results() {
  const json cards = browser.run(R"js(
    return [...document.querySelectorAll('#results > .card')].map((card) => ({
      id: card.dataset.id, caption: card.querySelector('.caption').innerText, score: card.querySelector('.score')?.innerText ?? '' }));
  )js");
  std::vector<Shown> shown;
  for (const auto& card : cards) shown.push_back({card.at("id"), card.at("caption"), card.at("score")});
  return shown;
}

std::string Page::text(const std::string& selector) {
  return browser.run("const found = document.querySelector(arguments[0]); return found?.checkVisibility() ? found.innerText : ''",
                     {selector});
}

std::string Page::address() { return browser.run("return location.pathname + location.search"); }

void Page::see_all_thumbnails(const std::string& selector) {
  browser.run("for (const image of document.querySelectorAll(arguments[0])) image.loading = 'eager'", {selector});
  browser.wait_until("[...document.querySelectorAll(arguments[0])].every((image) => image.complete)", {selector});
  CHECK(browser.run("return [...document.querySelectorAll(arguments[0])].map((image) => image.naturalWidth > 0)", {selector}) ==
        json(std::vector<bool>(browser.run("return document.querySelectorAll(arguments[0]).length", {selector}), true)));
}

}  // namespace clipdex::tests

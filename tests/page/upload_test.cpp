// Adding pictures: chosen and dropped, their progress, what fails and why, cancelling.
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "tests/gallery.h"
#include "tests/page/page.h"

namespace clipdex::tests {
namespace {

using Catch::Matchers::ContainsSubstring;

struct Uploading : Page {
  Uploading() { client.create_collection("photos", {}); }

  json pictures(int number, int side = 16) {
    json files = json::array();
    for (int i = 0; i < number; ++i) files.push_back({{"name", "picture " + std::to_string(i) + ".png"}, {"side", side}});
    return files;
  }
  void finished() { browser.wait_until("document.getElementById('upload-close').checkVisibility()"); }
  int number(const std::string& state) {
    return browser.run("return document.querySelectorAll(`#upload-list [data-state=${arguments[0]}]`).length", {state});
  }
  std::string reason(const std::string& name) {
    return browser.run(R"js(
      const row = [...document.querySelectorAll('#upload-list li')].find((row) => row.querySelector('.name').innerText === arguments[0]);
      return row?.querySelector('.reason').innerText ?? '';
    )js",
                       {name});
  }
  // Notes the files of each request, and the most requests that were under way at once.
  void watch_requests() {
    browser.run(R"js(
      window.watched = { requests: [], most: 0 };
      let now = 0;
      const send = XMLHttpRequest.prototype.send;
      XMLHttpRequest.prototype.send = function (form) {
        const files = form.getAll('file');
        watched.requests.push({ files: files.length, bytes: files.reduce((sum, { size }) => sum + size, 0) });
        watched.most = Math.max(watched.most, ++now);
        this.addEventListener('readystatechange', () => { if (this.readyState === 4) --now; });  // before the page hears of it
        send.call(this, form);
      };
    )js");
  }
};

TEST_CASE_METHOD(Uploading, "chosen files are added, and seen at once in the collection") {
  open();
  CHECK(text("#home h1") == "The collection “photos” is empty");
  browser.type("#upload-files", (kGallery / "rocket.png").string() + "\n" + (kGallery / "red-apple.png").string());
  browser.wait_until("document.querySelectorAll('.card').length === 2");
  finished();
  settle();
  CHECK(text("#upload-title") == "2 pictures added");
  CHECK(text("#upload-summary") == "to “photos”");
  CHECK(text("#home h1") == "Search 2 pictures by what is in them");
  const auto shown = results();
  CHECK(shown[0].caption != shown[1].caption);
  CHECK((shown[0].caption == "rocket.png" || shown[0].caption == "red-apple.png"));
  browser.click("#upload-close");
  CHECK(text("#uploads").empty());
  // The same pictures again, under whatever name, are no new ones.
  browser.type("#upload-files", (kGallery / "rocket.png").string());
  browser.wait_until("document.querySelector('[data-state=unchanged]')");
  finished();
  CHECK(text("#upload-title") == "0 pictures added");
  CHECK_THAT(text("#upload-summary"), ContainsSubstring("1 there already"));
  CHECK(client.collection("photos")->images == 2);
  CHECK(browser.console_errors() == kNone);
}

TEST_CASE_METHOD(Uploading, "pictures dropped on the gallery are added: several requests at a time, each of a bounded size") {
  open();
  watch_requests();
  json files = pictures(40);
  for (int i = 0; i < 4; ++i) files.push_back({{"name", "large " + std::to_string(i) + ".png"}, {"side", 1200}});  // 4.3 MB each
  drop("#drop-upload", files);
  finished();
  CHECK(text("#upload-title") == "44 pictures added");
  CHECK(number("created") == 44);
  CHECK(client.collection("photos")->images == 44);
  const json watched = browser.run("return window.watched");
  CHECK(watched.at("most") > 1);
  CHECK(watched.at("most") <= 3);
  for (const auto& request : watched.at("requests")) {
    CHECK(request.at("files") <= 8);
    CHECK((request.at("files") == 1 || request.at("bytes") <= 4 << 20));
  }
  settle();
  CHECK(results().size() == 44);
  CHECK(browser.console_errors() == kNone);
}

TEST_CASE_METHOD(Uploading, "files that cannot be added are listed with their reasons, and the others are added") {
  open();
  json files = pictures(3);
  files.push_back({{"name", "broken.png"}, {"text", "no picture"}});
  files.push_back({{"name", "notes.txt"}, {"type", "text/plain"}, {"text", "notes"}});
  files.push_back({{"name", "enormous.tiff"}, {"type", "image/tiff"}, {"zeros", client.body_bytes_max() + 1}});
  drop("main", files);
  finished();
  CHECK(text("#upload-title") == "3 pictures added");
  CHECK(text("#upload-failures") == "3 failed");
  CHECK(number("created") == 3);
  CHECK_THAT(reason("broken.png"), ContainsSubstring("Not a JPEG, PNG, "));
  CHECK(reason("notes.txt") == "Not a picture.");
  CHECK_THAT(reason("enormous.tiff"), ContainsSubstring("Too large: ") && ContainsSubstring("MB"));
  // Failures come first, and trying again would not help these.
  CHECK(browser.run(
            "return [...document.querySelectorAll('#upload-list li')].slice(0, 3).every((row) => row.dataset.state === 'failed')") == true);
  CHECK(text("#upload-retry").empty());
  CHECK(browser.console_errors() == kNone);
}

TEST_CASE_METHOD(Uploading, "while files are under way their progress shows, and what is not sent yet can be cancelled") {
  open();
  watch_requests();
  browser.run("await fetch('/v1/info')");
  server.process().signal(SIGSTOP);  // files are sent, and no answer comes
  // The limits are asked for before the files are sent.
  browser.run(
      "window.fetched = window.fetch; window.fetch = async (url, options) => url === '/v1/info' ? new Response(JSON.stringify({ limits: "
      "{ body_bytes: 33554432, image_bytes: 33554432 } })) : fetched(url, options)");
  drop("#drop-upload", pictures(60));
  browser.wait_until("document.querySelectorAll('[data-state=processing]').length === 24");
  CHECK(text("#upload-title") == "Adding 60 files");
  CHECK_THAT(text("#upload-summary"), ContainsSubstring("0 of 60 done"));
  CHECK(number("waiting") == 36);
  const double progress = browser.run("return document.getElementById('upload-progress').value");
  CHECK(progress > 0);
  CHECK(progress < 1);
  browser.click("#upload-cancel");
  browser.wait_until("document.querySelectorAll('[data-state=cancelled]').length === 36");
  server.process().signal(SIGCONT);
  finished();
  CHECK(number("created") == 24);  // what the server had received
  CHECK_THAT(text("#upload-summary"), ContainsSubstring("36 cancelled"));
  CHECK(client.collection("photos")->images == 24);
  browser.click("#upload-retry");
  browser.wait_until("document.querySelectorAll('[data-state=created]').length === 60");
  finished();
  CHECK(client.collection("photos")->images == 60);
}

TEST_CASE_METHOD(Uploading, "a request that is cut off by cancelling is given up") {
  open();
  // Larger than what the connection takes in while nobody reads.
  server.process().signal(SIGSTOP);
  browser.run("window.fetch = async () => new Response(JSON.stringify({ limits: { body_bytes: 33554432, image_bytes: 33554432 } }))");
  drop("#drop-upload", {{{"name", "large.png"}, {"side", 2600}}});
  browser.wait_until("document.querySelector('[data-state=sending]')");
  browser.click("#upload-cancel");
  finished();
  CHECK(number("cancelled") == 1);
  CHECK(text("#upload-title") == "0 pictures added");
  server.process().signal(SIGCONT);
  CHECK(client.collection("photos")->images == 0);
}

TEST_CASE_METHOD(Uploading, "when the server is gone the files say so, and are sent again when it is back") {
  open();
  browser.run(
      "window.fetched = window.fetch; const info = await (await fetch('/v1/info')).text(); window.fetch = async (url, options) => "
      "url === '/v1/info' ? new Response(info) : fetched(url, options)");
  const std::string port = std::to_string(server.port());
  server.stop();
  drop("main", pictures(2));
  finished();
  CHECK(number("failed") == 2);
  CHECK(reason("picture 0.png") == "The server does not answer. Is clipdex still running?");
  ChildProcess again({kProgram, "serve", "--data", (directory.path() / "data").string(), "--port", port});
  browser.wait_until("await fetch('/readyz').then(() => true, () => false)");
  browser.click("#upload-retry");
  browser.wait_until("document.querySelectorAll('[data-state=created]').length === 2");
  CHECK(text("#upload-failures").empty());
}

TEST_CASE_METHOD(Page, "without a collection the first upload makes one") {
  open();
  drop("main", {{{"name", "a.png"}, {"side", 16}}});
  browser.wait_until("document.getElementById('new-collection').open");
  CHECK(browser.run("return document.getElementById('new-collection-name').value") == "photos");
  browser.click("#new-collection-create");
  browser.wait_until("document.querySelectorAll('.card').length === 1");
  settle();
  CHECK(client.collection("photos")->images == 1);
  CHECK(text("#home h1") == "Search 1 picture by what is in them");
  CHECK(browser.console_errors() == kNone);
}

TEST_CASE_METHOD(Uploading, "files go to the collection they were dropped on, whatever is looked at afterwards") {
  ingest("other", "rocket.png", "1");
  open("/?collection=photos");
  server.process().signal(SIGSTOP);
  browser.run(
      "window.fetched = window.fetch; window.fetch = async (url, options) => url === '/v1/info' ? new Response(JSON.stringify({ limits: "
      "{ body_bytes: 33554432, image_bytes: 33554432 } })) : fetched(url, options)");
  drop("main", pictures(30));
  browser.wait_until("document.querySelectorAll('[data-state=processing]').length === 24");
  server.process().signal(SIGCONT);
  choose_collection("other");
  CHECK(results().size() == 1);
  finished();
  CHECK(client.collection("photos")->images == 30);
  CHECK(client.collection("other")->images == 1);
  choose_collection("photos");
  CHECK(results().size() == 30);
}

}  // namespace
}  // namespace clipdex::tests

// The page, served by the real program and shown by a real browser.
#pragma once

#include <string>
#include <vector>

#include "http/client.h"
#include "tests/clipdex_program.h"
#include "tests/page/browser.h"

namespace clipdex::tests {

struct Shown {
  std::string id, caption, score;
  friend bool operator==(const Shown&, const Shown&) = default;
};

// A server without collections, with the gallery, or of a data directory that is there, and a browser that shows nothing yet.
struct Page {
  explicit Page(bool with_gallery = false);
  explicit Page(const std::filesystem::path& data);
  // Leaves a picture of the page where a test fails: build/PRESET/page_test_failure.png.
  ~Page();

  // One picture of the gallery under another id. The collection is made if it is missing.
  void ingest(const std::string& collection, const std::string& file, const std::string& id, const json& metadata = json::object());
  // Opens an address of the page ("/?q=cat") and waits for what it shows.
  void open(const std::string& address = "/");
  // Waits until nothing is under way.
  void settle();
  void search(const std::string& text);
  // A picture of the collection "gallery" comes to the page as a file to search by: event is "drop" or "paste".
  void bring_file(const std::string& event, const std::string& id, const std::string& name, const std::string& type);

  // Files are dropped on the element: pictures of random pixels ({"name", "side"}), texts ({"name", "text", "type"}) or empty space
  // ({"name", "zeros": bytes}).
  void drop(const std::string& selector, const json& files);
  void choose_collection(const std::string& name);
  // From now on the page's requests do not reach the server, or do again; uploads are not touched.
  void fail_requests(bool fail);

  std::vector<Shown> results();
  std::string text(const std::string& selector);  // as it is seen; empty if it is hidden
  std::string address();                          // path and query
  std::string query() { return browser.run("return document.getElementById('query').value"); }
  std::string focused() { return browser.run("return document.activeElement.id"); }
  bool at_home() { return browser.run("return document.body.classList.contains('home')"); }
  // Everything that is scrolled into view has its thumbnail.
  void see_all_thumbnails(const std::string& selector);

  TemporaryDirectory directory;
  RunningServer server;
  http::Client client;
  Browser browser;
};

// A page whose server has the gallery.
struct Gallery : Page {
  Gallery() : Page(/*with_gallery=*/true) {}
};

inline const std::vector<std::string> kNone;  // no messages on the console

}  // namespace clipdex::tests

// "clipdex search --sheet" and "--open": the hits as one HTML file.
#include <catch2/catch_test_macros.hpp>

#include "tests/cli/collections.h"

namespace {

namespace fs = std::filesystem;
using namespace clipdex::tests;

std::size_t occurrences(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

fs::path captioned_data(const fs::path& scratch) {
  const auto folder = copy_pictures(scratch / "pictures", {"lemon.png", "pizza.png"});
  std::ofstream(scratch / "metadata.jsonl") << R"({"file":"lemon.png","caption":"<script>alert(\"1\")</script> & 柠檬"})";
  output_of(
      {"ingest", folder.string(), "--metadata", (scratch / "metadata.jsonl").string(), "--data", (scratch / "data").string(), "--json"});
  return scratch / "data";
}

std::string path_said(const Outcome& outcome) {
  const std::string before = "contact sheet: ";
  const auto begin = outcome.error.find(before) + before.size();
  return outcome.error.substr(begin, outcome.error.find('\n', begin) - begin);
}

}  // namespace

TEST_CASE("a contact sheet shows the hits' thumbnails, scores and captions, with every text escaped") {
  const TemporaryDirectory directory;
  const auto data = captioned_data(directory.path());
  const auto file = directory.path() / "sheet.html";
  const auto check = [&](const std::vector<std::string>& target) {
    const auto outcome = run_clipdex(with({"search", "<b>\"lemon\"</b>", "--json", "--sheet", file.string()}, target));
    CAPTURE(outcome.error);
    CHECK(outcome.exit_code == 0);
    CHECK(json_lines(outcome.out).size() == 2);
    CHECK(path_said(outcome) == file.string());
    return read_file(file);
  };
  const auto html = check({"--data", data.string()});
  CHECK(contains(html, "<h1>&lt;b&gt;&quot;lemon&quot;&lt;/b&gt;</h1>"));
  CHECK(contains(html, "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; &amp; 柠檬"));
  CHECK(!contains(html, "<script"));
  CHECK(occurrences(html, "src=\"data:image/jpeg;base64,/9j/") == 2);
  CHECK(occurrences(html, "src=") == 2);
  CHECK(contains(html, "128x128"));
  CHECK(contains(html, "2 hits"));
  const RunningServer server(data);
  CHECK(check({"--server", server.url()}) == html);
}

TEST_CASE("a contact sheet of a collection without thumbnails has boxes with the ids") {
  const TemporaryDirectory directory;
  const auto folder = copy_pictures(directory.path() / "pictures", {"lemon.png"});
  const auto data = directory.path() / "data", file = directory.path() / "sheet.html";
  CHECK(run_clipdex({"collection", "create", "bare", "--store", "none", "--data", data.string()}).exit_code == 0);
  CHECK(run_clipdex({"ingest", folder.string(), "-c", "bare", "--data", data.string()}).exit_code == 0);
  const auto sheet = [&](const std::vector<std::string>& target) {
    CHECK(run_clipdex(with({"search", "lemon", "-c", "bare", "--sheet", file.string()}, target)).exit_code == 0);
    return read_file(file);
  };
  const auto html = sheet({"--data", data.string()});
  CHECK(contains(html, "<div class=\"none\">lemon.png</div>"));
  CHECK(!contains(html, "<img"));
  const RunningServer server(data);
  CHECK(sheet({"--server", server.url()}) == html);
}

TEST_CASE("the browser gets a temporary contact sheet, which others cannot read, and --open says where it is") {
  const TemporaryDirectory directory;
  const auto data = captioned_data(directory.path());
  const auto browser = directory.path() / "browser", opened = directory.path() / "opened";
  // What it prints is none of clipdex's output.
  std::ofstream(browser) << "#!/bin/sh\necho noise\necho \"$1\" > '" << opened.string() << ".new' && mv '" << opened.string() << ".new' '"
                         << opened.string() << "'\n";
  fs::permissions(browser, fs::perms::owner_all);
  const auto outcome = run_clipdex({"search", "lemon", "--open", "--data", data.string()},
                                   {"BROWSER=/nowhere/browser:" + browser.string(), "TMPDIR=" + directory.path().string()});
  CHECK(outcome.exit_code == 0);
  CHECK(!contains(outcome.out, "noise"));
  const fs::path file = path_said(outcome);
  CHECK(file.parent_path() == directory.path());
  CHECK(file.extension() == ".html");
  CHECK((fs::status(file).permissions() & (fs::perms::group_all | fs::perms::others_all)) == fs::perms::none);
  for (int waited = 0; !fs::exists(opened) && waited < 1000; ++waited) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  CHECK(read_file(opened) == file.string() + "\n");
}

TEST_CASE("without a browser --open says that none could be started, and where the contact sheet is") {
  const TemporaryDirectory directory;
  const auto data = captioned_data(directory.path());
  const auto outcome = run_clipdex({"search", "lemon", "--open", "--data", data.string()},
                                   {"BROWSER=/nowhere/browser", "PATH=/nowhere", "TMPDIR=" + directory.path().string()});
  CHECK(outcome.exit_code == 0);
  CHECK(contains(outcome.error, "no browser could be started"));
  CHECK(fs::exists(path_said(outcome)));
}

TEST_CASE("a table's columns stand below one another where characters are two columns wide or none") {
  const TemporaryDirectory directory;
  const auto folder = directory.path() / "pictures";
  fs::create_directories(folder);
  const std::vector<std::string> names = {"柠檬.png", "🍋.png", "e\u0301.png", "plain.png"};
  for (const auto& name : names) fs::copy_file(kGallery / "lemon.png", folder / name);
  const auto data = (directory.path() / "data").string();
  CHECK(run_clipdex({"ingest", folder.string(), "--data", data}).exit_code == 0);
  const auto out = run_clipdex({"search", "lemon", "--data", data}, {"LC_ALL=C"}).out;
  // Ids are 8, 6, 5 and 9 columns wide, and the column as wide as the widest.
  CHECK(contains(out, "柠檬.png   128x128"));
  CHECK(contains(out, "🍋.png     128x128"));
  CHECK(contains(out, "e\u0301.png      128x128"));
  CHECK(contains(out, "plain.png  128x128"));
}

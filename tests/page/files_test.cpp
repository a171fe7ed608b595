// Searching by a picture from outside: dropped, pasted, chosen.
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <fstream>

#include "tests/page/page.h"

namespace clipdex::tests {
namespace {

using Catch::Matchers::ContainsSubstring;

TEST_CASE_METHOD(Gallery, "a picture dropped on the search is found, and shown in the search box") {
  open();
  bring_file("drop", "guitar.png", "my guitar.png", "image/png");
  CHECK(results().at(0).id == "guitar.png");
  CHECK(text("#chip-text") == "my guitar.png");
  CHECK(text("#drop").empty());
  see_all_thumbnails("#chip-image");
  CHECK(browser.console_errors() == kNone);
}

TEST_CASE_METHOD(Gallery, "while files are dragged over the page it shows what a drop does where") {
  open();
  CHECK(text("#drop").empty());
  const std::string drag = R"js(
    const [selector, step] = arguments;
    const carried = new DataTransfer();
    carried.items.add(new File(['x'], 'x.png', { type: 'image/png' }));
    document.querySelector(selector).dispatchEvent(new DragEvent(step, { bubbles: true, cancelable: true, dataTransfer: carried }));
  )js";
  browser.run(drag, {"main", "dragenter"});
  CHECK_THAT(text("#drop-search"), ContainsSubstring("Search by this picture"));
  CHECK_THAT(text("#drop-upload"), ContainsSubstring("Add to “gallery”"));
  browser.run(drag, {"#drop-search", "dragover"});
  CHECK(browser.run("return document.querySelector('.zone.over').id") == "drop-search");
  browser.run(drag, {"#drop-upload", "dragover"});
  CHECK(browser.run("return document.querySelector('.zone.over').id") == "drop-upload");
  browser.run(drag, {"main", "dragleave"});
  CHECK(text("#drop").empty());
}

TEST_CASE_METHOD(Gallery, "several pictures dropped on the search are answered with a sentence") {
  open();
  drop("header", {{{"name", "a.png"}, {"side", 8}}, {{"name", "b.png"}, {"side", 8}}});
  CHECK(text("#error") == "One picture at a time can be searched by.");
  CHECK(at_home());
}

TEST_CASE_METHOD(Gallery, "a picture pasted from the clipboard is found") {
  open();
  bring_file("paste", "guitar.png", "image.png", "image/png");
  CHECK(results().at(0).id == "guitar.png");
  CHECK(browser.console_errors() == kNone);
}

TEST_CASE_METHOD(Gallery, "a picture in a format that only the browser reads is found too") {
  open();
  bring_file("drop", "guitar.png", "guitar.ico", "image/x-icon");
  CHECK(results().at(0).id == "guitar.png");
  CHECK(text("#error").empty());
}

TEST_CASE_METHOD(Gallery, "a WebP picture is sent as it is and found") {
  open();
  bring_file("drop", "guitar.png", "guitar.webp", "image/webp");
  CHECK(results().at(0).id == "guitar.png");
  CHECK(text("#error").empty());
}

TEST_CASE_METHOD(Gallery, "a chosen file is found, also the same one again and under a name without an ending") {
  open();
  browser.type("#file", (kGallery / "guide-dog.png").string());
  browser.wait_until("document.querySelector('.card')");
  settle();
  CHECK(results().at(0).id == "guide-dog.png");
  search("火箭");
  browser.type("#file", (kGallery / "guide-dog.png").string());
  browser.wait_until("document.querySelector('.card').dataset.id === 'guide-dog.png'");
  settle();
  std::filesystem::copy_file(kGallery / "rocket.png", directory.path() / "picture");
  browser.type("#file", (directory.path() / "picture").string());
  browser.wait_until("document.querySelector('.card').dataset.id === 'rocket.png'");
  CHECK(browser.console_errors() == kNone);
}

TEST_CASE_METHOD(Gallery, "a file that is no picture is answered with a sentence, and the next search works") {
  open();
  std::ofstream(directory.path() / "notes.txt") << "no picture";
  browser.type("#file", (directory.path() / "notes.txt").string());
  browser.wait_until("document.getElementById('error').innerText");
  CHECK(text("#error") == "“notes.txt” is not a picture.");
  // What only claims to be one is found out by the server.
  std::ofstream(directory.path() / "notes.png") << "no picture";
  browser.type("#file", (directory.path() / "notes.png").string());
  browser.wait_until("document.getElementById('error').innerText.includes('JPEG')");
  CHECK_THAT(text("#error"), ContainsSubstring("Not a JPEG, PNG, "));
  CHECK(results().empty());
  search("a red apple");
  CHECK(text("#error").empty());
  CHECK(results().at(0).id == "red-apple.png");
}

TEST_CASE_METHOD(Gallery, "a picture larger than the server takes is made smaller before it is sent") {
  open();
  // A picture of random pixels does not compress: 4000 x 3000 of them are 36 MB as PNG, and the server takes 32 MiB.
  const auto bytes = browser.run(R"js(
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [4000, 3000];
    const context = canvas.getContext('2d');
    const image = context.createImageData(4000, 3000);
    let random = 1;
    for (let i = 0; i < image.data.length; ++i) image.data[i] = i % 4 === 3 ? 255 : (random = (random * 48271) % 2147483647) & 255;
    context.putImageData(image, 0, 0);
    const large = await new Promise((resolve) => canvas.toBlob(resolve, 'image/png'));
    const carried = new DataTransfer();
    carried.items.add(new File([large], 'large.png', { type: 'image/png' }));
    document.querySelector('header').dispatchEvent(new DragEvent('drop', { bubbles: true, cancelable: true, dataTransfer: carried }));
    return large.size;
  )js");
  settle();
  CHECK(bytes.get<std::size_t>() > client.body_bytes_max());
  CHECK(text("#error").empty());
  CHECK(results().size() == 60);
}

TEST_CASE_METHOD(Gallery, "going back and forward keeps a dropped picture, and a reload shows the home view") {
  open();
  search("a red apple");
  bring_file("drop", "guitar.png", "guitar.png", "image/png");
  browser.click("[data-id='guitar.png'] .more");
  settle();
  CHECK(address() == "/?id=guitar.png");
  browser.back();
  browser.wait_until("location.search === ''");
  settle();
  CHECK(text("#chip-text") == "guitar.png");
  CHECK(results().at(0).id == "guitar.png");
  browser.back();
  browser.wait_until("location.search === '?q=a+red+apple'");
  settle();
  CHECK(results().at(0).id == "red-apple.png");
  browser.forward();
  browser.wait_until("document.querySelector('.card').dataset.id === 'guitar.png'");
  browser.reload();
  settle();
  CHECK(at_home());
  CHECK(text("#error").empty());
  browser.back();
  browser.wait_until("location.search === '?q=a+red+apple'");
  settle();
  CHECK(results().at(0).id == "red-apple.png");
  CHECK(browser.console_errors() == kNone);
}

}  // namespace
}  // namespace clipdex::tests

// Chromium without a window, driven over WebDriver (W3C): what a person does on the page, and what they see.
#pragma once

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace clipdex::tests {

using json = nlohmann::json;

// One window with a profile of its own. The destructor ends the browser, also when a test fails. Every call throws std::runtime_error with
// the driver's words. One thread at a time.
class Browser {
 public:
  Browser();
  ~Browser();
  Browser(const Browser&) = delete;
  Browser& operator=(const Browser&) = delete;

  void open(const std::string& url);
  void back();
  void forward();
  void reload();

  // The value that the script returns, or of the promise that it returns. It sees the arguments as arguments[0], ...
  json run(const std::string& script, const json& arguments = json::array());
  // Polls until the expression is truthy; throws after a minute.
  void wait_until(const std::string& expression, const json& arguments = json::array());

  // The first element that the CSS selector finds. Keys come to it as from a keyboard; a file input takes a path.
  void click(const std::string& selector);
  void type(const std::string& selector, const std::string& keys);
  // Keys for whatever has the focus.
  void press(const std::string& key);

  void prefer_dark();
  // A phone of that many CSS pixels.
  void be_a_phone(int width, int height);
  void screenshot(const std::filesystem::path& png);

  // Messages of severity SEVERE since the last call: exceptions, refused resources, violations of the content security policy.
  std::vector<std::string> console_errors();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// WebDriver's code points for keys without a character.
inline const std::string kEnter = "\uE007", kEscape = "\uE00C", kBackspace = "\uE003", kTab = "\uE004", kArrowDown = "\uE015",
                         kArrowRight = "\uE014", kArrowUp = "\uE013", kArrowLeft = "\uE012", kHome = "\uE011", kEnd = "\uE010",
                         kControl = "\uE009";

}  // namespace clipdex::tests

#include "tests/page/browser.h"

#include <httplib.h>

#include <chrono>
#include <fstream>
#include <stdexcept>
#include <thread>

#include "tests/child_process.h"

namespace clipdex::tests {
namespace {

constexpr std::chrono::seconds kPatience{60};
constexpr std::chrono::milliseconds kPoll{10};

std::string from_base64(const std::string& text) {
  static const std::string kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bytes;
  unsigned bits = 0;
  int held = 0;
  for (const char c : text) {
    if (c == '=') break;
    bits = bits << 6 | static_cast<unsigned>(kDigits.find(c));
    held += 6;
    if (held < 8) continue;
    held -= 8;
    bytes += static_cast<char>(bits >> held & 0xFF);
  }
  return bytes;
}

}  // namespace

struct Browser::Impl {
  Impl() : driver({"chromedriver", "--port=0"}), client("127.0.0.1", port()) {
    client.set_read_timeout(std::chrono::seconds(120));
    client.set_keep_alive(true);
    client.set_tcp_nodelay(true);
    const json options = {{"args",
                           {"--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                            "--disable-component-update", "--window-size=1280,860", "--user-data-dir=" + profile.path().string()}}};
    const json wanted = {{"browserName", "chrome"},
                         {"goog:chromeOptions", options},
                         {"goog:loggingPrefs", {{"browser", "SEVERE"}}},
                         {"timeouts", {{"script", std::chrono::milliseconds(kPatience).count()}}}};
    const json answer = send("POST", "/session", {{"capabilities", {{"alwaysMatch", wanted}}}});
    session = "/session/" + answer.at("sessionId").get<std::string>();
    browser_process = answer.at("capabilities").value("goog:processID", 0);
  }

  ~Impl() {
    if (session.empty()) return;
    // A driver that does not end its browser must not leave it behind.
    if (client.Delete(session)) return;
    if (browser_process > 0) ::kill(browser_process, SIGKILL);
  }

  int port() {
    const std::string words = "started successfully on port ";
    const auto end = std::chrono::steady_clock::now() + kPatience;
    while (true) {
      const std::string said = driver.out();
      const auto at = said.find(words);
      if (at != std::string::npos && said.find('.', at) != std::string::npos) return std::stoi(said.substr(at + words.size()));
      if (driver.exit_code() == 127) throw std::runtime_error("there is no chromedriver: install the package chromium-driver");
      if (driver.exit_code() || std::chrono::steady_clock::now() > end)
        throw std::runtime_error("chromedriver does not start: " + said + driver.error());
      std::this_thread::sleep_for(kPoll);
    }
  }

  json send(const std::string& method, const std::string& path, const json& body = json::object()) {
    auto answer = method == "GET" ? client.Get(path) : client.Post(path, body.dump(), "application/json");
    if (!answer) throw std::runtime_error("chromedriver does not answer " + path + ": " + httplib::to_string(answer.error()));
    const json parsed = json::parse(answer->body);
    if (answer->status != 200) throw std::runtime_error(path + ": " + parsed.at("value").value("message", answer->body));
    return parsed.at("value");
  }
  json post(const std::string& path, const json& body = json::object()) { return send("POST", session + path, body); }

  std::string find(const std::string& selector) {
    return "/element/" + post("/element", {{"using", "css selector"}, {"value", selector}}).begin()->get<std::string>();
  }
  void devtools(const std::string& command, const json& parameters) {
    post("/goog/cdp/execute", {{"cmd", command}, {"params", parameters}});
  }

  TemporaryDirectory profile;  // outlives the browser
  ChildProcess driver;
  httplib::Client client;
  std::string session;
  pid_t browser_process = 0;
};

Browser::Browser() : impl_(std::make_unique<Impl>()) {}
Browser::~Browser() = default;

void Browser::open(const std::string& url) { impl_->post("/url", {{"url", url}}); }
void Browser::back() { impl_->post("/back"); }
void Browser::forward() { impl_->post("/forward"); }
void Browser::reload() { impl_->post("/refresh"); }

json Browser::run(const std::string& script, const json& arguments) {
  return impl_->post("/execute/sync", {{"script", script}, {"args", arguments}});
}

void Browser::wait_until(const std::string& expression, const json& arguments) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (!run("return Boolean(" + expression + ")", arguments)) {
    if (std::chrono::steady_clock::now() > end) {
      throw std::runtime_error("it does not come true: " + expression +
                               "; the page shows: " + run("return document.body.innerText").get<std::string>());
    }
    std::this_thread::sleep_for(kPoll);
  }
}

void Browser::click(const std::string& selector) { impl_->post(impl_->find(selector) + "/click"); }
void Browser::type(const std::string& selector, const std::string& keys) {
  impl_->post(impl_->find(selector) + "/value", {{"text", keys}});
}

void Browser::press(const std::string& key) {
  const json strokes = {{{"type", "keyDown"}, {"value", key}}, {{"type", "keyUp"}, {"value", key}}};
  impl_->post("/actions", {{"actions", {{{"type", "key"}, {"id", "keyboard"}, {"actions", strokes}}}}});
}

void Browser::prefer_dark() {
  impl_->devtools("Emulation.setEmulatedMedia", {{"features", {{{"name", "prefers-color-scheme"}, {"value", "dark"}}}}});
}

void Browser::be_a_phone(int width, int height) {
  impl_->devtools("Emulation.setDeviceMetricsOverride", {{"width", width}, {"height", height}, {"deviceScaleFactor", 2}, {"mobile", true}});
}

void Browser::screenshot(const std::filesystem::path& png) {
  const auto encoded = impl_->send("GET", impl_->session + "/screenshot").get<std::string>();
  std::ofstream(png, std::ios::binary) << from_base64(encoded);
}

std::vector<std::string> Browser::console_errors() {
  std::vector<std::string> messages;
  for (const auto& entry : impl_->post("/se/log", {{"type", "browser"}})) messages.push_back(entry.at("message"));
  return messages;
}

}  // namespace clipdex::tests

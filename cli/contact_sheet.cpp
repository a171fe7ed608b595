#include "cli/contact_sheet.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "cli/input_files.h"
#include "http/base64.h"

extern char** environ;

namespace clipdex::cli {
namespace {

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : as_text(text)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

constexpr std::string_view kBegin = R"(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<style>
:root { color-scheme: light dark; --line: light-dark(#d8d8d8, #3c3c3c); --quiet: light-dark(#666, #a0a0a0);
  --box: light-dark(#f2f2f2, #262626); }
body { margin: 1.5rem; font: 14px/1.4 system-ui, sans-serif; background: light-dark(#fff, #181818); color: light-dark(#1a1a1a, #ececec); }
h1 { font-size: 1.3rem; margin: 0; overflow-wrap: anywhere; }
p { margin: 0.2rem 0 1.2rem; color: var(--quiet); }
main { display: grid; grid-template-columns: repeat(auto-fill, minmax(180px, 1fr)); gap: 1rem; }
figure { margin: 0; border: 1px solid var(--line); border-radius: 6px; overflow: hidden; }
img, .none { display: block; width: 100%; height: 180px; object-fit: contain; background: var(--box); }
.none { display: flex; align-items: center; justify-content: center; padding: 0 0.5rem; box-sizing: border-box; text-align: center;
  overflow-wrap: anywhere; color: var(--quiet); }
figcaption { padding: 0.5rem 0.6rem; overflow-wrap: anywhere; }
figcaption span { color: var(--quiet); }
</style>
)";

// mkstemps() makes it for its owner only.
std::filesystem::path temporary_file() {
  std::string pattern = (std::filesystem::temp_directory_path() / "clipdex-XXXXXX.html").string();
  const int descriptor = ::mkstemps(pattern.data(), static_cast<int>(std::strlen(".html")));
  if (descriptor < 0) throw std::runtime_error("cannot make a temporary file " + pattern + ": " + std::strerror(errno));
  ::close(descriptor);
  return pattern;
}

// Without a shell: the path is an argument and nothing else.
bool start(const std::string& program, const std::string& argument) {
  std::vector<char*> arguments = {const_cast<char*>(program.c_str()), const_cast<char*>(argument.c_str()), nullptr};
  ::posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  // What a browser says is none of our output.
  for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    ::posix_spawn_file_actions_addopen(&actions, descriptor, "/dev/null", O_RDWR, 0);
  ::pid_t process = 0;
  const int error = ::posix_spawnp(&process, program.c_str(), &actions, nullptr, arguments.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  return error == 0;
}

}  // namespace

ContactSheet::ContactSheet(const std::string& title, const std::string& collection)
    : head_("<title>" + escaped(title) + " - clipdex</title>\n</head>\n<body>\n<h1>" + escaped(title) + "</h1>\n<p>" + escaped(collection) +
            ", ") {}

void ContactSheet::add(const Hit& hit) {
  ++hits_;
  const std::string id = escaped(hit.id);
  body_ += "<figure>";
  if (hit.thumbnail) {
    body_ += "<img alt=\"" + id + "\" src=\"data:image/jpeg;base64," + http::encode_base64(*hit.thumbnail) + "\">";
  } else {
    body_ += "<div class=\"none\">" + id + "</div>";
  }
  body_ += "<figcaption><b>" + escaped(hit.score) + "</b> " + id + "<br><span>" + escaped(hit.size) + "</span>";
  if (!hit.caption.empty()) body_ += "<br>" + escaped(hit.caption);
  body_ += "</figcaption></figure>\n";
}

std::filesystem::path ContactSheet::write(const std::filesystem::path& file) const {
  const auto path = file.empty() ? temporary_file() : std::filesystem::absolute(file);
  std::ofstream stream(path, std::ios::binary | std::ios::trunc);
  stream << kBegin << head_ << hits_ << (hits_ == 1 ? " hit" : " hits") << "</p>\n<main>\n"
         << body_ << "</main>\n</body>\n</html>\n"
         << std::flush;
  if (!stream) throw std::runtime_error("cannot write " + path.string() + ": " + std::strerror(errno));
  return path;
}

bool open_in_browser(const std::filesystem::path& file) {
  const char* named = std::getenv("BROWSER");
  // It may be several, with colons between them.
  std::string browsers = named == nullptr ? "" : named;
  browsers += ":xdg-open";
  for (std::size_t at = 0; at <= browsers.size();) {
    const auto end = std::min(browsers.find(':', at), browsers.size());
    const std::string program = browsers.substr(at, end - at);
    if (!program.empty() && start(program, file.string())) return true;
    at = end + 1;
  }
  return false;
}

}  // namespace clipdex::cli

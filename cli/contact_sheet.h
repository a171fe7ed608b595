// Search results as one HTML file to look at.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>

namespace clipdex::cli {

// Thumbnails are in the file itself; it loads nothing and runs nothing. One thread at a time.
class ContactSheet {
 public:
  ContactSheet(const std::string& title, const std::string& collection);

  // Text as it is: it is escaped here.
  struct Hit {
    std::string id, score, size, caption;
    std::optional<std::string> thumbnail;  // a JPEG; without one, a box with the id
  };
  void add(const Hit& hit);

  // To `file`, or to a temporary one that only its owner reads if that is empty. Returns the absolute path. Throws std::runtime_error.
  std::filesystem::path write(const std::filesystem::path& file) const;

 private:
  std::string head_, body_;
  std::size_t hits_ = 0;
};

// With $BROWSER, else xdg-open; does not wait for it to be closed. False if neither could be started.
bool open_in_browser(const std::filesystem::path& file);

}  // namespace clipdex::cli

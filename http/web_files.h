// The page's files, embedded at build time. Private to http/.
#pragma once

#include <optional>
#include <string_view>

namespace clipdex::http {

struct WebFile {
  std::string_view name, content;
};

std::optional<std::string_view> web_file(std::string_view name);

}  // namespace clipdex::http

// Named character references of HTML 5. Private to encoder/.
#pragma once

#include <optional>
#include <string_view>

namespace clipdex::encoder {

// name: what stands behind '&', with the semicolon where the reference has one ("eacute;", "amp"). UTF-8.
std::optional<std::string_view> html_entity(std::string_view name);

}  // namespace clipdex::encoder

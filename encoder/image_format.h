// Which format a file is of, from its first bytes. Private to encoder/.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "encoder/image.h"

namespace clipdex::encoder {

// Nothing for what is not read.
std::optional<ImageFormat> sniff_image_format(std::span<const std::uint8_t> file);

// What a file that is not read looks like, as half a sentence: "it looks like a PDF file".
std::string describe_unread(std::span<const std::uint8_t> file);

}  // namespace clipdex::encoder

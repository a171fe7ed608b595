// What is said of a picture, checked. Private to datasets/.
#pragma once

#include <string>
#include <string_view>

#include "datasets/captioned_image.h"

namespace clipdex::datasets {

// Adds a caption if it is not there yet, without white space at its ends. Returns "", or why it cannot be used: empty, not UTF-8, longer
// than kCaptionBytesMax, one more than kCaptionsMax.
std::string add_caption(CaptionedImage& image, std::string_view text);

// Takes a label, without white space at its ends; an empty one is none. Returns "" or why it cannot be used.
std::string set_label(CaptionedImage& image, std::string_view text);

}  // namespace clipdex::datasets

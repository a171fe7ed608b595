#include "datasets/sample_text.h"

#include <algorithm>

#include "datasets/text.h"

namespace clipdex::datasets {

std::string add_caption(CaptionedImage& image, std::string_view text) {
  const auto caption = trimmed(text);
  if (caption.empty()) return "its caption is empty";
  if (caption.size() > kCaptionBytesMax)
    return "its caption has " + std::to_string(caption.size()) + " bytes, and " + std::to_string(kCaptionBytesMax) + " are the limit here";
  if (!is_utf8(caption)) return "its caption is not valid UTF-8: convert the file, for example with iconv";
  if (std::find(image.captions.begin(), image.captions.end(), caption) != image.captions.end()) return "";
  if (image.captions.size() == kCaptionsMax) return "it has more than " + std::to_string(kCaptionsMax) + " captions";
  image.captions.emplace_back(caption);
  return "";
}

std::string set_label(CaptionedImage& image, std::string_view text) {
  const auto label = trimmed(text);
  if (label.empty()) return "";
  if (label.size() > kCaptionBytesMax) return "its label has " + std::to_string(label.size()) + " bytes";
  if (!is_utf8(label)) return "its label is not valid UTF-8: convert the file, for example with iconv";
  image.label = label;
  return "";
}

}  // namespace clipdex::datasets

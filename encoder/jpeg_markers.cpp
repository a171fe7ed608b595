#include "encoder/jpeg_markers.h"

#include <cstring>

namespace clipdex::encoder {
namespace {

bool stands_alone(std::uint8_t code) {
  return code == jpeg_code::kTemporary || (code >= jpeg_code::kRestartFirst && code <= jpeg_code::kEndOfImage);
}

}  // namespace

std::optional<JpegMarker> JpegMarkers::next() {
  while (position_ + 1 < file_.size()) {
    const void* found = std::memchr(file_.data() + position_, 0xFF, file_.size() - 1 - position_);
    if (found == nullptr) break;
    const auto at = static_cast<std::size_t>(static_cast<const std::uint8_t*>(found) - file_.data());
    const std::uint8_t code = file_[at + 1];
    if (code == 0xFF) {  // a fill byte
      position_ = at + 1;
      continue;
    }
    position_ = at + 2;
    if (code == 0) continue;  // a sample of 255
    if (stands_alone(code)) return JpegMarker{.code = code, .at = at, .segment = {}};
    if (at + 4 > file_.size()) break;
    const std::size_t length = static_cast<std::size_t>(file_[at + 2]) << 8 | file_[at + 3];
    if (length < 2 || length > file_.size() - at - 2) break;
    position_ = at + 2 + length;
    return JpegMarker{.code = code, .at = at, .segment = file_.subspan(at + 4, length - 2)};
  }
  position_ = file_.size();
  return std::nullopt;
}

}  // namespace clipdex::encoder

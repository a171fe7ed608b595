#include "encoder/tiff_file.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <new>

#include "encoder/image_decoder.h"

namespace clipdex::encoder {
namespace {

// For libtiff's own memory: directories, offsets of strips and one strip at a time; the picture is ours.
constexpr tmsize_t kSingleBytesMax = tmsize_t{32} << 20;
constexpr tmsize_t kTotalBytesMax = tmsize_t{48} << 20;

struct Free {
  void operator()(TIFFOpenOptions* options) const { ::TIFFOpenOptionsFree(options); }
};

}  // namespace

TiffFile::TiffFile(std::span<const std::uint8_t> bytes) : bytes_(bytes) {
  const std::unique_ptr<TIFFOpenOptions, Free> options(::TIFFOpenOptionsAlloc());
  if (!options) throw std::bad_alloc();
  ::TIFFOpenOptionsSetMaxSingleMemAlloc(options.get(), kSingleBytesMax);
  ::TIFFOpenOptionsSetMaxCumulatedMemAlloc(options.get(), kTotalBytesMax);
  ::TIFFOpenOptionsSetErrorHandlerExtR(options.get(), keep_error, this);
  ::TIFFOpenOptionsSetWarningHandlerExtR(options.get(), [](TIFF*, void*, const char*, const char*, va_list) { return 1; }, nullptr);
  file_.reset(::TIFFClientOpenExt(
      "TIFF", "r", this, read, [](thandle_t, void*, tmsize_t) -> tmsize_t { return 0; }, seek, [](thandle_t) { return 0; },
      [](thandle_t self) -> toff_t { return static_cast<TiffFile*>(self)->bytes_.size(); }, map, [](thandle_t, void*, toff_t) {},
      options.get()));
  if (!file_) fail();
}

void TiffFile::fail() const {
  throw ImageError(ImageError::Reason::kCorrupt, "the TIFF file is damaged: " + (error_.empty() ? "it cannot be read" : error_));
}

std::uint16_t TiffFile::number16(std::uint32_t tag, std::uint16_t otherwise) const {
  std::uint16_t value = 0;
  return ::TIFFGetFieldDefaulted(get(), tag, &value) == 1 ? value : otherwise;
}

std::uint32_t TiffFile::number32(std::uint32_t tag, std::uint32_t otherwise) const {
  std::uint32_t value = 0;
  return ::TIFFGetField(get(), tag, &value) == 1 ? value : otherwise;
}

tmsize_t TiffFile::read(thandle_t handle, void* target, tmsize_t size) {
  auto& self = *static_cast<TiffFile*>(handle);
  const auto left = self.bytes_.subspan(std::min<std::uint64_t>(self.position_, self.bytes_.size()));
  const std::size_t count = std::min(left.size(), static_cast<std::size_t>(std::max<tmsize_t>(0, size)));
  if (count > 0) std::memcpy(target, left.data(), count);
  self.position_ += count;
  return static_cast<tmsize_t>(count);
}

toff_t TiffFile::seek(thandle_t handle, toff_t offset, int origin) {
  auto& self = *static_cast<TiffFile*>(handle);
  self.position_ = offset + (origin == SEEK_CUR ? self.position_ : origin == SEEK_END ? self.bytes_.size() : 0);
  return self.position_;
}

int TiffFile::map(thandle_t handle, void** base, toff_t* size) {
  auto& self = *static_cast<TiffFile*>(handle);
  *base = const_cast<std::uint8_t*>(self.bytes_.data());  // opened for reading: libtiff does not write there
  *size = self.bytes_.size();
  return 1;
}

int TiffFile::keep_error(TIFF*, void* self, const char*, const char* format, va_list arguments) {
  char text[256];
  std::vsnprintf(text, sizeof text, format, arguments);
  static_cast<TiffFile*>(self)->error_ = text;
  return 1;  // handled: nothing is printed
}

}  // namespace clipdex::encoder

// libtiff on bytes in memory, silent and bounded. Private to encoder/.
#pragma once

#include <tiffio.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace clipdex::encoder {

// One thread at a time. The bytes must outlive it.
class TiffFile {
 public:
  // Reads the first directory. Throws ImageError.
  explicit TiffFile(std::span<const std::uint8_t> bytes);
  TiffFile(const TiffFile&) = delete;
  TiffFile& operator=(const TiffFile&) = delete;

  TIFF* get() const { return file_.get(); }

  // A tag's value, or the format's default for it, or else `otherwise`.
  std::uint16_t number16(std::uint32_t tag, std::uint16_t otherwise) const;
  std::uint32_t number32(std::uint32_t tag, std::uint32_t otherwise) const;

  // Throws ImageError with what libtiff last said.
  [[noreturn]] void fail() const;

 private:
  struct Close {
    void operator()(TIFF* file) const { ::TIFFClose(file); }
  };

  static tmsize_t read(thandle_t self, void* target, tmsize_t size);
  static toff_t seek(thandle_t self, toff_t offset, int origin);
  static int map(thandle_t self, void** base, toff_t* size);
  static int keep_error(TIFF*, void* self, const char* module, const char* format, va_list arguments);

  std::span<const std::uint8_t> bytes_;
  std::uint64_t position_ = 0;
  std::string error_;
  std::unique_ptr<TIFF, Close> file_;
};

}  // namespace clipdex::encoder

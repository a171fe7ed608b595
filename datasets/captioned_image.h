// What training and evaluation take, one by one, whatever it is read from.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace clipdex::datasets {

inline constexpr std::size_t kCaptionBytesMax = std::size_t{64} << 10;
inline constexpr std::size_t kCaptionsMax = 1024;  // of one picture

// A picture with what is said of it, or the reason why there is none.
struct CaptionedImage {
  std::string where;                  // for people to find it: "DIR/shard.tar/KEY.jpg", "list.csv:7", "captions.json:images[3]"
  std::filesystem::path file;         // to read the picture from; empty if `bytes` holds it
  std::string bytes;                  // as they were found: nothing here has decoded them
  std::vector<std::string> captions;  // each valid UTF-8, not empty, without white space at its ends; none only if there is a label
  std::optional<std::string> label;   // the class's name or index, for zero-shot
  std::string error;                  // set if it cannot be used: why; the other fields may then be empty
};

// One thread at a time; several sources of one Dataset may be read at once. The order is the same each time the same files are read.
class CaptionedImageSource {
 public:
  virtual ~CaptionedImageSource() = default;
  // Nothing at the end. What is wrong with a sample is in its `error`, what is wrong with the source is too, as its last one; nothing but
  // std::bad_alloc is thrown. Files that a sample names have not been looked at.
  virtual std::optional<CaptionedImage> next() = 0;
};

// The picture's bytes, of `bytes` or of `file`. Any thread. Throws std::runtime_error that names the picture if it is an error itself, has
// more than `bytes_max` bytes or none, or its file cannot be read or is not a regular one (links are followed; a pipe is not waited for).
std::string read_picture(const CaptionedImage& image, std::size_t bytes_max);

}  // namespace clipdex::datasets

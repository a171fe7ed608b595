// COCO's captions and Karpathy's splits: one JSON file for all pictures. Private to datasets/.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "datasets/captioned_image.h"

namespace clipdex::datasets {

// What such a file says: pictures in the order of its "images", with captions in the order of its "annotations" or "sentences", then what
// is wrong with annotations. `file` is as it stands there; `where` is without the file's name: "images[3]".
using CaptionFile = std::vector<CaptionedImage>;

// COCO: {"images": [{"id", "file_name"}], "annotations": [{"image_id", "caption"}]}; Karpathy: {"images": [{"filepath", "filename",
// "split", "sentences": [{"raw"}]}]}. Reads it once, as a stream, and keeps what it returns alone. `splits` takes those of Karpathy's;
// empty: all. Throws std::invalid_argument that names the file and the remedy if it is over 2 GiB, is not JSON, nests deeper than 64, has
// an element of more than 100,000 values, is of no such kind, or has none of the splits.
CaptionFile read_caption_file(const std::filesystem::path& file, const std::vector<std::string>& splits);

class CaptionFileSource : public CaptionedImageSource {
 public:
  // `name` is the file's, for `where`; names of pictures are relative to `root`.
  CaptionFileSource(std::shared_ptr<const CaptionFile> content, std::string name, std::filesystem::path root);
  std::optional<CaptionedImage> next() override;

 private:
  std::shared_ptr<const CaptionFile> content_;
  std::string name_;
  std::filesystem::path root_;
  std::size_t at_ = 0;
};

}  // namespace clipdex::datasets

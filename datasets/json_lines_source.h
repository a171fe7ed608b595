// Captioned pictures of JSON lines: an object is a picture's file with its captions. Private to datasets/.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "datasets/captioned_image.h"
#include "datasets/dataset.h"
#include "datasets/text_lines.h"

namespace clipdex::datasets {

// Fields as json_fields.h says. Empty lines are passed over.
class JsonLinesSource : public CaptionedImageSource {
 public:
  // Throws std::invalid_argument if the file cannot be read.
  JsonLinesSource(const std::filesystem::path& file, std::filesystem::path root, DatasetOptions options);
  std::optional<CaptionedImage> next() override;

 private:
  std::string take_line(const TextLines::Line& line, CaptionedImage& image) const;

  std::string name_;
  std::filesystem::path root_;
  DatasetOptions options_;
  TextLines lines_;
};

}  // namespace clipdex::datasets

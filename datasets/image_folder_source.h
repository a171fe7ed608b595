// Pictures in a folder for each class, without captions. Private to datasets/.
#pragma once

#include <cstddef>
#include <deque>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "datasets/captioned_image.h"

namespace clipdex::datasets {

// The names of the folders in a folder, sorted; hidden ones and links are left out. Throws std::invalid_argument if it cannot be read.
std::vector<std::string> class_folders(const std::filesystem::path& folder);

// The label is the name of the folder; pictures may lie in folders below it. In order of names, one class in memory at a time; hidden
// files, files that are not named as pictures are, and links to folders are left out.
class ImageFolderSource : public CaptionedImageSource {
 public:
  ImageFolderSource(std::filesystem::path folder, std::vector<std::string> classes);
  std::optional<CaptionedImage> next() override;

 private:
  void list_class(const std::string& name);

  std::filesystem::path folder_;
  std::vector<std::string> classes_;
  std::size_t at_ = 0;
  std::deque<CaptionedImage> ready_;
};

}  // namespace clipdex::datasets

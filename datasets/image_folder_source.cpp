#include "datasets/image_folder_source.h"

#include <algorithm>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "datasets/picture_names.h"
#include "datasets/sample_text.h"
#include "datasets/text.h"

namespace clipdex::datasets {
namespace {

namespace fs = std::filesystem;

bool is_hidden(const fs::path& path) { return path.filename().string().starts_with('.'); }

}  // namespace

std::vector<std::string> class_folders(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    std::error_code unknown;  // then it is no folder
    if (!is_hidden(entry->path()) && entry->is_directory(unknown) && !entry->is_symlink(unknown))
      names.push_back(entry->path().filename().string());
  }
  if (error) throw std::invalid_argument("cannot read the folder " + as_text(folder.string()) + ": " + error.message());
  std::sort(names.begin(), names.end());
  return names;
}

ImageFolderSource::ImageFolderSource(fs::path folder, std::vector<std::string> classes)
    : folder_(std::move(folder)), classes_(std::move(classes)) {}

std::optional<CaptionedImage> ImageFolderSource::next() {
  while (ready_.empty() && at_ < classes_.size()) list_class(classes_[at_++]);
  if (ready_.empty()) return std::nullopt;
  auto image = std::move(ready_.front());
  ready_.pop_front();
  return image;
}

void ImageFolderSource::list_class(const std::string& name) {
  std::vector<fs::path> files;
  std::error_code error;
  // Links to folders may lead back to where we are; the iterator does not follow them.
  for (fs::recursive_directory_iterator entry(folder_ / name, error), end; !error && entry != end; entry.increment(error)) {
    std::error_code unknown;  // then reading it as a file says why
    if (is_hidden(entry->path())) {
      entry.disable_recursion_pending();
    } else if (!entry->is_directory(unknown) && has_picture_ending(entry->path())) {
      files.push_back(entry->path());
    }
  }
  std::sort(files.begin(), files.end());
  for (auto& file : files) {
    CaptionedImage image;
    image.where = as_text(file.string());
    image.error = set_label(image, name);
    if (image.error.empty() && !image.label) image.error = "its folder has no name to be a label";
    image.file = std::move(file);
    ready_.push_back(std::move(image));
  }
  if (!error) return;
  CaptionedImage failed;
  failed.where = as_text((folder_ / name).string());
  failed.error = "cannot read the folder: " + error.message();
  ready_.push_back(std::move(failed));
}

}  // namespace clipdex::datasets

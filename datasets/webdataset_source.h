// Captioned pictures of a webdataset shard. Private to datasets/.
#pragma once

#include <cstddef>
#include <deque>
#include <filesystem>
#include <memory>
#include <string>

#include "datasets/captioned_image.h"
#include "datasets/dataset.h"
#include "datasets/webdataset_members.h"

namespace clipdex::datasets {

// Each picture of a key is a sample, with all of the key's captions: KEY.txt and the fields of KEY.json (json_fields.h), equal ones once.
// The label is KEY.cls's, else KEY.json's. Holds one key's members at a time. Of an archive that breaks off, samples that have a picture
// and a caption or a label by then are whole; then comes one error.
class WebdatasetSource : public CaptionedImageSource {
 public:
  WebdatasetSource(std::filesystem::path path, DatasetOptions options);
  std::optional<CaptionedImage> next() override;

 private:
  // Of the key that is read at the moment.
  struct Group {
    std::vector<CaptionedImage> pictures;
    std::size_t picture_bytes = 0;
    std::string first_member;
    std::string class_name;
    CaptionedImage text;  // captions, label and error of all of them
  };

  void read_member();
  void read_picture(const WebdatasetMember& member);
  void read_text(const WebdatasetMember& member);
  void finish_group(bool broken);
  CaptionedImage sample(const std::string& member, std::string error) const;

  std::filesystem::path path_;
  DatasetOptions options_;
  std::unique_ptr<WebdatasetMembers> members_;
  std::unique_ptr<Group> group_;
  std::deque<CaptionedImage> ready_;
  bool ended_ = false;
};

}  // namespace clipdex::datasets

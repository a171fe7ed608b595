// Pictures in a webdataset shard, to ingest.
#pragma once

#include <deque>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "cli/input.h"

namespace clipdex::datasets {
class WebdatasetMembers;
struct WebdatasetMember;
}  // namespace clipdex::datasets

namespace clipdex::cli {

// Reads the archive once, from front to end, and holds one key's members at a time; nothing is written anywhere, and members' names are
// only names. Of the members that follow one another with the same key (datasets/webdataset_members.h), each picture is an input; KEY.json,
// KEY.txt and KEY.cls are its metadata: the object's fields, "caption", "class" (a field of the object goes before them). Members of other
// kinds are left out. The id is the key; of KEY.left.jpg it is KEY.left.
class TarSource : public InputSource {
 public:
  // Pictures of more than `bytes_max`, and keys whose pictures have more together, are failed inputs.
  TarSource(std::filesystem::path path, IdFrom id_from, std::size_t bytes_max);
  ~TarSource() override;
  std::optional<Input> next() override;

 private:
  struct Group;

  void read_member();
  void read_picture(const datasets::WebdatasetMember& member);
  void read_metadata(const datasets::WebdatasetMember& member);
  void finish_group();
  Input input_of(const std::string& member) const;
  void fail(const std::string& member, const char* code, std::string error);

  std::filesystem::path path_;
  std::string name_;
  IdFrom id_from_;
  std::size_t bytes_max_;
  std::unique_ptr<datasets::WebdatasetMembers> members_;  // open while there may be more to read
  std::unique_ptr<Group> group_;
  std::deque<Input> ready_;
  bool ended_ = false;
  bool any_ = false;  // something was found, be it a failure
};

}  // namespace clipdex::cli

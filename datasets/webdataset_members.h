// What counts in a webdataset shard: a tar archive whose members are grouped by key
// (github.com/webdataset/webdataset, tariterators.py: base_plus_ext, group_by_keys).
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>

#include "datasets/tar_archive.h"

namespace clipdex::datasets {

enum class MemberKind {
  kPicture,  // KEY.jpg or another picture's ending, also KEY.PART.jpg
  kCaption,  // KEY.txt
  kObject,   // KEY.json
  kClass,    // KEY.cls
};

struct WebdatasetMember {
  std::string name;  // in the archive, any bytes
  std::string key;   // its path up to the first dot of its last part, without "./" in front
  std::string part;  // of a picture: "left" of KEY.left.jpg, else empty
  MemberKind kind = MemberKind::kPicture;
  bool begins_key = false;  // the member of those kinds before it, if there is one, has another key
  bool is_link = false;     // symbolic or hard: there are no bytes to read
};

// Nothing for a name without a key (hidden files, names without a dot) or of another kind. Endings may be in upper case.
std::optional<WebdatasetMember> webdataset_member(const std::string& name);

// The members of those kinds, in the archive's order. One thread at a time. Every call throws TarError as TarArchive does.
class WebdatasetMembers {
 public:
  explicit WebdatasetMembers(const std::filesystem::path& path) : archive_(path) {}

  // The next member, whose bytes need not be read. Nothing at the end.
  std::optional<WebdatasetMember> next();
  // The current member's bytes. Nothing if there are more than `bytes_max`, whatever its header says.
  std::optional<std::string> read(std::size_t bytes_max) { return archive_.read(bytes_max); }

 private:
  TarArchive archive_;
  std::optional<std::string> key_;  // of the last member
};

}  // namespace clipdex::datasets

#include "datasets/webdataset_members.h"

#include "datasets/picture_names.h"
#include "datasets/text.h"

namespace clipdex::datasets {
namespace {

std::optional<MemberKind> kind_of(const std::string& ending) {
  if (has_picture_ending("picture." + ending)) return MemberKind::kPicture;
  if (ending == "txt") return MemberKind::kCaption;
  if (ending == "json") return MemberKind::kObject;
  if (ending == "cls") return MemberKind::kClass;
  return std::nullopt;
}

}  // namespace

std::optional<WebdatasetMember> webdataset_member(const std::string& name) {
  std::size_t start = 0;
  while (name.compare(start, 2, "./") == 0) start += 2;
  const auto slash = name.rfind('/');
  const auto begin = slash == std::string::npos || slash < start ? start : slash + 1;
  const auto dot = name.find('.', begin);
  if (dot == std::string::npos || dot == begin) return std::nullopt;
  const auto ending = name.substr(dot + 1);
  const auto kind = kind_of(lower_ascii(ending));
  if (!kind) return std::nullopt;
  const auto last_dot = ending.rfind('.');
  return WebdatasetMember{.name = name,
                          .key = name.substr(start, dot - start),
                          .part = last_dot == std::string::npos ? "" : ending.substr(0, last_dot),
                          .kind = *kind};
}

std::optional<WebdatasetMember> WebdatasetMembers::next() {
  while (const auto entry = archive_.next()) {
    if (!entry->is_file && !entry->is_link) continue;
    auto member = webdataset_member(entry->name);
    if (!member) continue;
    member->is_link = entry->is_link;
    member->begins_key = key_ != member->key;
    key_ = member->key;
    return member;
  }
  return std::nullopt;
}

}  // namespace clipdex::datasets

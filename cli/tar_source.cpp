#include "cli/tar_source.h"

#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "cli/input_files.h"
#include "datasets/picture_names.h"
#include "datasets/webdataset_members.h"
#include "engine/identifiers.h"

namespace clipdex::cli {
namespace {

using datasets::MemberKind;
using datasets::WebdatasetMember;
using nlohmann::json;

constexpr std::size_t kPicturesPerKeyMax = 64;
constexpr std::size_t kMetadataBytesMax = std::size_t{1} << 20;

// "a/7" of "left.jpg" -> "a/7.left"
std::string picture_id(const WebdatasetMember& member) { return member.part.empty() ? member.key : member.key + "." + member.part; }

// A class is an index as a rule, and then a number.
json class_value(const std::string& text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() && !text.empty() ? json(number) : json(text);
}

std::string without_line_end(std::string text) {
  while (text.ends_with('\n') || text.ends_with('\r')) text.pop_back();
  return text;
}

}  // namespace

struct TarSource::Group {
  std::vector<Input> pictures;
  std::size_t picture_bytes = 0;
  std::string metadata_member;  // the first one; empty if there is none
  std::string metadata_error;
  json metadata = json::object();
};

TarSource::TarSource(std::filesystem::path path, IdFrom id_from, std::size_t bytes_max)
    : path_(std::move(path)), name_(as_text(path_.filename().string())), id_from_(id_from), bytes_max_(bytes_max) {}

TarSource::~TarSource() = default;

std::optional<Input> TarSource::next() {
  while (ready_.empty() && !ended_) {
    try {
      if (!members_) members_ = std::make_unique<datasets::WebdatasetMembers>(path_);
      read_member();
    } catch (const datasets::TarError& error) {
      // What had come whole before is good.
      if (group_ && !group_->pictures.empty()) finish_group();
      fail("", "broken_archive", error.what());
      ended_ = true;
    }
  }
  if (ready_.empty()) return std::nullopt;
  Input input = std::move(ready_.front());
  ready_.pop_front();
  return input;
}

void TarSource::read_member() {
  const auto member = members_->next();
  if (!member) {
    finish_group();
    if (!any_)
      fail("", "no_image", "there is no picture in the archive: its members' names end in none of " + datasets::picture_extensions());
    ended_ = true;
    return;
  }
  if (member->begins_key) {
    finish_group();
    group_ = std::make_unique<Group>();
  }
  if (member->kind == MemberKind::kPicture) {
    read_picture(*member);
  } else {
    read_metadata(*member);
  }
}

void TarSource::read_picture(const WebdatasetMember& member) {
  auto input = input_of(member.name);
  const auto failed = [&](const char* code, std::string error) {
    input.error_code = code;
    input.error = std::move(error);
  };
  if (group_->pictures.size() == kPicturesPerKeyMax) {
    fail(member.name, "too_many_images", "its key has more than " + std::to_string(kPicturesPerKeyMax) + " pictures");
    return;
  }
  if (id_from_ == IdFrom::kPath) {
    auto id = picture_id(member);
    if (engine::is_utf8(id)) {
      input.id = std::move(id);
    } else {
      failed("invalid_id", "its key is not valid UTF-8: use --id-from hash");
    }
  }
  if (member.is_link) {
    failed("unreadable_file", "it is a link: pictures are read from members that hold them");
  } else if (input.error.empty()) {
    auto bytes = members_->read(bytes_max_ - group_->picture_bytes);
    if (bytes) {
      group_->picture_bytes += bytes->size();
      input.bytes = std::move(*bytes);
    } else {
      failed("image_too_large",
             "it, or its key's pictures together, have more than " + std::to_string(bytes_max_) + " bytes, which are the limit here");
    }
  }
  group_->pictures.push_back(std::move(input));
}

void TarSource::read_metadata(const WebdatasetMember& member) {
  if (group_->metadata_member.empty()) group_->metadata_member = member.name;
  const auto failed = [&](const std::string& error) { group_->metadata_error = as_text(member.name) + " " + error; };
  const auto text = member.is_link ? std::nullopt : members_->read(kMetadataBytesMax);
  if (!text) return failed(member.is_link ? "is a link" : "has more than " + std::to_string(kMetadataBytesMax) + " bytes");
  auto& metadata = group_->metadata;
  if (member.kind == MemberKind::kObject) {
    const auto object = json::parse(*text, nullptr, false);
    if (!object.is_object()) return failed("is not a JSON object");
    metadata.update(object);  // its fields go before what a caption or class file said
    return;
  }
  if (!engine::is_utf8(*text)) return failed("is not valid UTF-8");
  const auto line = without_line_end(*text);
  const bool is_caption = member.kind == MemberKind::kCaption;
  const std::string field = is_caption ? "caption" : "class";
  if (!metadata.contains(field)) metadata[field] = is_caption ? json(line) : class_value(line);
}

void TarSource::finish_group() {
  const auto group = std::exchange(group_, nullptr);
  if (!group) return;
  if (group->pictures.empty()) {
    fail(group->metadata_member, "no_image", "it stands alone: no picture of the same key comes right before or after it in the archive");
    return;
  }
  for (auto& input : group->pictures) {
    if (input.error.empty() && !group->metadata_error.empty()) {
      input.error_code = "invalid_metadata";
      input.error = group->metadata_error;
      input.bytes = {};
    }
    if (!group->metadata_member.empty()) input.metadata = group->metadata.dump();
    any_ = true;
    ready_.push_back(std::move(input));
  }
}

Input TarSource::input_of(const std::string& member) const {
  Input input{.where = as_text(path_.string()), .source = name_, .id = {}, .bytes = {}, .metadata = {}, .error_code = {}, .error = {}};
  if (member.empty()) return input;
  input.where += "/" + as_text(member);
  input.source += "/" + as_text(member);
  return input;
}

void TarSource::fail(const std::string& member, const char* code, std::string error) {
  auto input = input_of(member);
  input.error_code = code;
  input.error = std::move(error);
  any_ = true;
  ready_.push_back(std::move(input));
}

}  // namespace clipdex::cli

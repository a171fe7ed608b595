#include "cli/tar_source.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "cli/input_files.h"
#include "engine/identifiers.h"

namespace clipdex::cli {
namespace {

using nlohmann::json;

constexpr std::size_t kPicturesPerKeyMax = 64;
constexpr std::size_t kMetadataBytesMax = std::size_t{1} << 20;

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

struct MemberName {
  std::string key, ending;  // "a/7", "left.jpg"
};

// Nothing for a name without a key: hidden files, names without a dot.
std::optional<MemberName> split_name(std::string name) {
  while (name.starts_with("./")) name.erase(0, 2);
  const auto slash = name.rfind('/');
  const auto begin = slash == std::string::npos ? 0 : slash + 1;
  const auto dot = name.find('.', begin);
  if (dot == std::string::npos || dot == begin) return std::nullopt;
  return MemberName{.key = name.substr(0, dot), .ending = name.substr(dot + 1)};
}

// "a/7" of "left.jpg" -> "a/7.left"
std::string picture_id(const MemberName& name) {
  const auto dot = name.ending.rfind('.');
  return dot == std::string::npos ? name.key : name.key + "." + name.ending.substr(0, dot);
}

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
  std::string key;
  std::vector<Input> pictures;
  std::size_t picture_bytes = 0;
  std::string metadata_member;  // the first one; empty if there is none
  std::string metadata_error;
  json metadata = json::object();
};

bool is_tar_name(std::string_view name) {
  const std::string text = lower(std::string(name));
  return text.ends_with(".tar") || text.ends_with(".tar.gz") || text.ends_with(".tgz") || text.ends_with(".tar.zst");
}

TarSource::TarSource(std::filesystem::path path, IdFrom id_from, std::size_t bytes_max)
    : path_(std::move(path)), name_(as_text(path_.filename().string())), id_from_(id_from), bytes_max_(bytes_max) {}

TarSource::~TarSource() = default;

std::optional<Input> TarSource::next() {
  while (ready_.empty() && !ended_) {
    try {
      if (!archive_) archive_ = std::make_unique<TarArchive>(path_);
      read_member();
    } catch (const TarError& error) {
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
  const auto member = archive_->next();
  if (!member) {
    finish_group();
    if (!any_) fail("", "no_image", "there is no picture in the archive: its members' names end in none of " + picture_extensions());
    ended_ = true;
    return;
  }
  const auto name = split_name(member->name);
  if (!name || !(member->is_file || member->is_link)) return;
  const auto kind = lower(name->ending);
  const bool is_picture = has_picture_ending("picture." + kind);
  if (!is_picture && kind != "json" && kind != "txt" && kind != "cls") return;
  if (group_ && group_->key != name->key) finish_group();
  if (!group_) {
    group_ = std::make_unique<Group>();
    group_->key = name->key;
  }
  if (is_picture) {
    read_picture(*member, picture_id(*name));
  } else {
    read_metadata(*member, kind);
  }
}

void TarSource::read_picture(const TarMember& member, std::string id) {
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
    if (engine::is_utf8(id)) {
      input.id = std::move(id);
    } else {
      failed("invalid_id", "its key is not valid UTF-8: use --id-from hash");
    }
  }
  if (member.is_link) {
    failed("unreadable_file", "it is a link: pictures are read from members that hold them");
  } else if (input.error.empty()) {
    auto bytes = archive_->read(bytes_max_ - group_->picture_bytes);
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

void TarSource::read_metadata(const TarMember& member, const std::string& kind) {
  if (group_->metadata_member.empty()) group_->metadata_member = member.name;
  const auto failed = [&](const std::string& error) { group_->metadata_error = as_text(member.name) + " " + error; };
  const auto text = member.is_link ? std::nullopt : archive_->read(kMetadataBytesMax);
  if (!text) return failed(member.is_link ? "is a link" : "has more than " + std::to_string(kMetadataBytesMax) + " bytes");
  auto& metadata = group_->metadata;
  if (kind == "json") {
    const auto object = json::parse(*text, nullptr, false);
    if (!object.is_object()) return failed("is not a JSON object");
    metadata.update(object);  // its fields go before what a caption or class file said
    return;
  }
  if (!engine::is_utf8(*text)) return failed("is not valid UTF-8");
  const auto line = without_line_end(*text);
  const std::string field = kind == "txt" ? "caption" : "class";
  if (!metadata.contains(field)) metadata[field] = kind == "txt" ? json(line) : class_value(line);
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

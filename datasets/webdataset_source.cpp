#include "datasets/webdataset_source.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "datasets/json_fields.h"
#include "datasets/sample_text.h"
#include "datasets/text.h"

namespace clipdex::datasets {
namespace {

constexpr std::size_t kPicturesPerKeyMax = 64;
constexpr std::size_t kTextBytesMax = std::size_t{1} << 20;

// Editors put a byte order mark in front of captions.
std::string_view without_mark(std::string_view text) { return text.starts_with("\xEF\xBB\xBF") ? text.substr(3) : text; }

}  // namespace

WebdatasetSource::WebdatasetSource(std::filesystem::path path, DatasetOptions options)
    : path_(std::move(path)), options_(std::move(options)) {}

std::optional<CaptionedImage> WebdatasetSource::next() {
  while (ready_.empty() && !ended_) {
    try {
      if (!members_) members_ = std::make_unique<WebdatasetMembers>(path_);
      read_member();
    } catch (const TarError& error) {
      finish_group(/*broken=*/true);
      ready_.push_back(sample("", error.what()));
      ended_ = true;
    }
  }
  if (ready_.empty()) return std::nullopt;
  auto image = std::move(ready_.front());
  ready_.pop_front();
  return image;
}

void WebdatasetSource::read_member() {
  const auto member = members_->next();
  if (!member || member->begins_key) finish_group(/*broken=*/false);
  if (!member) {
    ended_ = true;
    return;
  }
  if (!group_) {
    group_ = std::make_unique<Group>();
    group_->first_member = member->name;
  }
  if (member->kind == MemberKind::kPicture) {
    read_picture(*member);
  } else {
    read_text(*member);
  }
}

void WebdatasetSource::read_picture(const WebdatasetMember& member) {
  if (group_->pictures.size() == kPicturesPerKeyMax) {
    ready_.push_back(sample(member.name, "its key has more than " + std::to_string(kPicturesPerKeyMax) + " pictures"));
    return;
  }
  auto image = sample(member.name, "");
  if (member.is_link) {
    image.error = "it is a link: pictures are read from members that hold them";
  } else if (auto bytes = members_->read(options_.bytes_max - group_->picture_bytes)) {
    group_->picture_bytes += bytes->size();
    image.bytes = std::move(*bytes);
    if (image.bytes.empty()) image.error = "it is empty";
  } else {
    image.error =
        "it, or its key's pictures together, have more than " + std::to_string(options_.bytes_max) + " bytes, which are the limit here";
  }
  group_->pictures.push_back(std::move(image));
}

void WebdatasetSource::read_text(const WebdatasetMember& member) {
  auto& text = group_->text;
  const auto failed = [&](const std::string& error) {
    if (text.error.empty()) text.error = as_text(member.name) + ": " + error;
  };
  if (member.is_link) return failed("it is a link: captions are read from members that hold them");
  const auto content = members_->read(kTextBytesMax);
  if (!content) return failed("it has more than " + std::to_string(kTextBytesMax) + " bytes");
  std::string error;
  if (member.kind == MemberKind::kCaption) {
    error = add_caption(text, without_mark(*content));
  } else if (member.kind == MemberKind::kClass) {
    CaptionedImage label;
    error = set_label(label, without_mark(*content));
    group_->class_name = label.label.value_or("");
  } else {
    const auto object = nlohmann::json::parse(*content, nullptr, /*allow_exceptions=*/false);
    error = object.is_object() ? take_fields(object, options_, text) : "it is not a JSON object";
  }
  if (!error.empty()) failed(error);
}

void WebdatasetSource::finish_group(bool broken) {
  const auto group = std::exchange(group_, nullptr);
  if (!group) return;
  auto& text = group->text;
  if (!group->class_name.empty()) text.label = group->class_name;
  const bool silent = text.captions.empty() && !text.label;
  // What is missing may have stood behind the break, which is reported itself.
  if (broken && (group->pictures.empty() || silent)) return;
  if (group->pictures.empty()) {
    ready_.push_back(
        sample(group->first_member, "it stands alone: no picture of the same key comes right before or after it in the archive"));
    return;
  }
  for (auto& image : group->pictures) {
    if (image.error.empty()) image.error = text.error;
    if (image.error.empty() && silent) image.error = "it has neither a caption (KEY.txt, or \"caption\" in KEY.json) nor a label";
    if (image.error.empty()) {
      image.captions = text.captions;
      image.label = text.label;
    } else {
      image.bytes = {};
    }
    ready_.push_back(std::move(image));
  }
}

CaptionedImage WebdatasetSource::sample(const std::string& member, std::string error) const {
  CaptionedImage image;
  image.where = as_text(path_.string()) + (member.empty() ? "" : "/" + as_text(member));
  image.error = std::move(error);
  return image;
}

}  // namespace clipdex::datasets

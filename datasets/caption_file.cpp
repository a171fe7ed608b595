#include "datasets/caption_file.h"

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>
#include <system_error>
#include <unordered_map>
#include <utility>

#include "datasets/sample_text.h"
#include "datasets/text.h"

namespace clipdex::datasets {
namespace {

using nlohmann::json;

constexpr std::uintmax_t kFileBytesMax = std::uintmax_t{2} << 30;
constexpr int kDepthMax = 64;
constexpr std::size_t kElementValuesMax = 100'000;

// A string or an integer, as text; "" for anything else.
std::string id_of(const json& object, const char* name) {
  const auto id = object.find(name);
  if (id == object.end()) return "";
  return id->is_string() ? id->get<std::string>() : id->is_number_integer() ? id->dump() : "";
}

std::string string_of(const json& object, const char* name) {
  const auto value = object.find(name);
  return value != object.end() && value->is_string() ? value->get<std::string>() : "";
}

// Takes the elements of "images" and "annotations" as the parser has read each, and lets it forget them.
class Reader {
 public:
  explicit Reader(const std::vector<std::string>& splits) : splits_(splits) {}

  void read(std::istream& stream) {
    const auto on_event = [this](int depth, json::parse_event_t event, json& value) { return take_event(depth, event, value); };
    [[maybe_unused]] const json nothing_left = json::parse(stream, on_event);
  }

  // Captions go to their pictures, which may stand before or behind them in the file.
  CaptionFile finish();

 private:
  struct Annotation {
    std::string image_id, caption;
  };

  bool take_event(int depth, json::parse_event_t event, json& value);
  void take_element(const json& element);
  void take_image(const json& image);
  void take_sentences(const json& sentences, CaptionedImage& image);
  void take_annotation(const json& annotation);
  void reject_other_kinds() const;

  const std::vector<std::string>& splits_;
  std::string list_;          // the field of the outermost object that is read
  bool in_list_ = false;      // and it is a list that counts
  std::size_t position_ = 0;  // in the list
  std::size_t values_ = 0;    // of the element
  bool any_caption_ = false, any_sentences_ = false;
  std::set<std::string> known_splits_;
  CaptionFile images_;
  std::unordered_map<std::string, std::size_t> image_of_id_;
  std::vector<Annotation> annotations_;
};

bool Reader::take_event(int depth, json::parse_event_t event, json& value) {
  using Event = json::parse_event_t;
  if (depth > kDepthMax) throw std::runtime_error("its JSON is nested more than " + std::to_string(kDepthMax) + " deep");
  if (depth == 1 && event == Event::key) {
    list_ = value.get<std::string>();
    position_ = 0;
    return list_ == "images" || list_ == "annotations";
  }
  if (depth == 0) return event == Event::object_start || event == Event::object_end;
  if (depth == 1) {
    // The parser tells of what it passes over, too.
    in_list_ = event == Event::array_start && (list_ == "images" || list_ == "annotations");
    return event == Event::array_start || event == Event::array_end;
  }
  if (!in_list_) return true;
  if (++values_ > kElementValuesMax)
    throw std::runtime_error(list_ + "[" + std::to_string(position_) + "] has more than " + std::to_string(kElementValuesMax) + " values");
  if (depth > 2) return true;
  if (event == Event::object_start) {
    values_ = 0;
    return true;
  }
  // An element is whole, or is none; what is within it is thrown away with it.
  values_ = 0;
  take_element(event == Event::object_end ? value : json());
  ++position_;
  return false;
}

void Reader::take_element(const json& element) {
  if (list_ == "images") {
    take_image(element);
  } else {
    take_annotation(element);
  }
}

void Reader::take_image(const json& element) {
  CaptionedImage image;
  image.where = "images[" + std::to_string(position_) + "]";
  const auto name = string_of(element, element.contains("sentences") ? "filename" : "file_name");
  image.file = std::filesystem::path(string_of(element, "filepath")) / name;
  if (element.contains("sentences")) {
    const auto split = string_of(element, "split");
    any_sentences_ = true;
    known_splits_.insert(split);
    if (!splits_.empty() && std::find(splits_.begin(), splits_.end(), split) == splits_.end()) return;
    take_sentences(element["sentences"], image);
  }
  if (name.empty()) image.error = "it names no picture: \"file_name\" does, or in Karpathy's files \"filename\"";
  const auto id = id_of(element, "id");
  if (!id.empty() && !image_of_id_.emplace(id, images_.size()).second && image.error.empty())
    image.error = "another picture before it has the id " + id;
  images_.push_back(std::move(image));
}

void Reader::take_sentences(const json& sentences, CaptionedImage& image) {
  for (const auto& sentence : sentences) {
    image.error = sentence.is_object() ? add_caption(image, string_of(sentence, "raw")) : "its \"sentences\" are no objects with \"raw\"";
    if (!image.error.empty()) return;
  }
}

void Reader::take_annotation(const json& annotation) {
  any_caption_ = any_caption_ || (annotation.is_object() && annotation.contains("caption"));
  annotations_.push_back({.image_id = annotation.is_object() ? id_of(annotation, "image_id") : "",
                          .caption = annotation.is_object() ? string_of(annotation, "caption") : ""});
}

void Reader::reject_other_kinds() const {
  if (any_sentences_ && images_.empty()) {
    std::string known;
    for (const auto& split : known_splits_) known += (known.empty() ? "\"" : ", \"") + split + "\"";
    throw std::runtime_error("it has nothing in the splits that were asked for: its splits are " + known);
  }
  if (images_.empty())
    throw std::runtime_error(
        "it is JSON of no known kind: COCO's captions have \"images\" and \"annotations\", Karpathy's files \"images\" "
        "with \"sentences\", and other lists go as JSON lines (.jsonl)");
  if (!any_sentences_ && !any_caption_)
    throw std::runtime_error("there is no \"caption\" in its \"annotations\": COCO has captions in its captions_*.json");
  if (!any_sentences_ && !splits_.empty()) throw std::runtime_error("it has no splits: Karpathy's files alone have them");
}

CaptionFile Reader::finish() {
  reject_other_kinds();
  CaptionFile errors;
  for (std::size_t i = 0; i < annotations_.size(); ++i) {
    const auto image = image_of_id_.find(annotations_[i].image_id);
    auto error = image == image_of_id_.end() ? std::string("its \"image_id\" is the \"id\" of none of the \"images\"")
                                             : add_caption(images_[image->second], annotations_[i].caption);
    annotations_[i] = {};
    if (error.empty()) continue;
    errors.emplace_back();
    errors.back().where = "annotations[" + std::to_string(i) + "]";
    errors.back().error = std::move(error);
  }
  for (auto& image : images_) {
    if (image.error.empty() && image.captions.empty()) image.error = "it has no caption";
  }
  std::move(errors.begin(), errors.end(), std::back_inserter(images_));
  return std::move(images_);
}

}  // namespace

CaptionFile read_caption_file(const std::filesystem::path& file, const std::vector<std::string>& splits) {
  const auto fail = [&](const std::string& reason) { throw std::invalid_argument(as_text(file.string()) + " cannot be used: " + reason); };
  std::error_code error;
  const auto size = std::filesystem::is_regular_file(file, error) ? std::filesystem::file_size(file, error) : 0;
  if (error) fail(error.message());
  if (size == 0) fail("it is empty, or not a regular file");
  if (size > kFileBytesMax) fail("it has more than 2 GiB: as JSON lines (.jsonl) it may have any size");
  std::ifstream stream(file, std::ios::binary);
  if (!stream) fail("it cannot be read");
  try {
    Reader reader(splits);
    reader.read(stream);
    return reader.finish();
  } catch (const json::exception& damaged) {
    fail(std::string("it is not valid JSON, or cut off: ") + damaged.what());
  } catch (const std::runtime_error& unusable) {
    fail(unusable.what());
  }
  return {};
}

CaptionFileSource::CaptionFileSource(std::shared_ptr<const CaptionFile> content, std::string name, std::filesystem::path root)
    : content_(std::move(content)), name_(std::move(name)), root_(std::move(root)) {}

std::optional<CaptionedImage> CaptionFileSource::next() {
  if (at_ == content_->size()) return std::nullopt;
  auto image = (*content_)[at_++];
  image.where = name_ + ":" + image.where;
  if (!image.file.empty()) image.file = root_ / image.file;
  return image;
}

}  // namespace clipdex::datasets

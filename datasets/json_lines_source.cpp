#include "datasets/json_lines_source.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "datasets/json_fields.h"
#include "datasets/text.h"

namespace clipdex::datasets {
namespace {

constexpr std::size_t kLineBytesMax = std::size_t{1} << 20;

}  // namespace

JsonLinesSource::JsonLinesSource(const std::filesystem::path& file, std::filesystem::path root, DatasetOptions options)
    : name_(as_text(file.string())), root_(std::move(root)), options_(std::move(options)), lines_(file, kLineBytesMax) {}

std::optional<CaptionedImage> JsonLinesSource::next() {
  while (const auto line = lines_.next()) {
    if (trimmed(line->text).empty()) continue;
    CaptionedImage image;
    image.where = name_ + ":" + std::to_string(line->number);
    image.error = take_line(*line, image);
    return image;
  }
  return std::nullopt;
}

// What is wrong with the line, or "".
std::string JsonLinesSource::take_line(const TextLines::Line& line, CaptionedImage& image) const {
  if (line.too_long) return "the line has more than " + std::to_string(kLineBytesMax) + " bytes";
  const auto object = nlohmann::json::parse(line.text, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) return "the line is not a JSON object";
  const auto file = image_field(object, options_);
  if (file.empty()) {
    return options_.image_column.empty() ? R"(it names no picture: "file", "filepath", "path" or "image" does)"
                                         : "it names no picture in \"" + options_.image_column + "\"";
  }
  image.file = root_ / file;
  if (auto error = take_fields(object, options_, image); !error.empty()) return error;
  return image.captions.empty() && !image.label ? "it has neither a caption nor a label" : "";
}

}  // namespace clipdex::datasets

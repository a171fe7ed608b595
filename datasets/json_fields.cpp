#include "datasets/json_fields.h"

#include <nlohmann/json.hpp>

#include "datasets/sample_text.h"

namespace clipdex::datasets {
namespace {

using nlohmann::json;
using Names = std::vector<std::string>;

bool has(const json& object, const std::string& name) {
  const auto field = object.find(name);
  return field != object.end() && !field->is_null();
}

// The first of the names that the object has, or "".
std::string first_of(const json& object, const Names& names) {
  for (const auto& name : names) {
    if (has(object, name)) return name;
  }
  return "";
}

std::string take_captions(const json& field, const std::string& name, CaptionedImage& image) {
  if (field.is_string()) return add_caption(image, field.get_ref<const std::string&>());
  if (!field.is_array()) return "its \"" + name + "\" is neither a string nor a list of strings";
  for (const auto& caption : field) {
    if (!caption.is_string()) return "its \"" + name + "\" is neither a string nor a list of strings";
    if (auto error = add_caption(image, caption.get_ref<const std::string&>()); !error.empty()) return error;
  }
  return "";
}

}  // namespace

std::string take_fields(const json& object, const DatasetOptions& options, CaptionedImage& image) {
  Names names = options.caption_columns;
  if (names.empty()) names = {first_of(object, {"captions", "caption", "title", "text"})};
  for (const auto& name : names) {
    if (!has(object, name)) continue;
    if (auto error = take_captions(object[name], name, image); !error.empty()) return error;
  }
  const auto label = first_of(object, options.label_column.empty() ? Names{"label", "class"} : Names{options.label_column});
  if (label.empty()) return "";
  const auto& value = object[label];
  // What nobody asked for may mean something else.
  if (!value.is_string() && !value.is_number_integer() && options.label_column.empty()) return "";
  if (!value.is_string() && !value.is_number_integer()) return "its \"" + label + "\" is neither a string nor a whole number";
  return set_label(image, value.is_string() ? value.get<std::string>() : value.dump());
}

std::string image_field(const json& object, const DatasetOptions& options) {
  const auto name =
      first_of(object, options.image_column.empty() ? Names{"file", "filepath", "path", "image"} : Names{options.image_column});
  return !name.empty() && object[name].is_string() ? object[name].get<std::string>() : "";
}

}  // namespace clipdex::datasets

// Captions and labels in JSON objects. Private to datasets/.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "datasets/captioned_image.h"
#include "datasets/dataset.h"

namespace clipdex::datasets {

// Adds the captions and takes the label of an object's fields, as the options name them or else as is usual: the first of "captions",
// "caption", "title", "text" that is there, a string or a list of strings; "label" or "class", a string or an integer. Fields that are not
// there or null are passed over, and so is a label of another kind that the options do not name. Returns "" or what is wrong.
std::string take_fields(const nlohmann::json& object, const DatasetOptions& options, CaptionedImage& image);

// The picture's file: options.image_column, or else the first of "file", "filepath", "path", "image" that is there; empty if there is none.
std::string image_field(const nlohmann::json& object, const DatasetOptions& options);

}  // namespace clipdex::datasets

// Options of commands that read pictures with captions or labels.
#pragma once

#include <string>

#include "datasets/dataset.h"

namespace CLI {
class App;
}

namespace clipdex::cli {

// What "--help" says of the formats.
inline constexpr const char* kDatasetHelp =
    "webdataset tars (\"shard-{000000..000012}.tar\", several joined by ::), a folder of them, .csv and .tsv tables, .jsonl, COCO's "
    "captions .json, Flickr30k's results.csv";

// --images, --image-column, --caption-column, --label-column, --separator, --split.
void add_dataset_options(CLI::App& command, datasets::DatasetOptions& options);

}  // namespace clipdex::cli

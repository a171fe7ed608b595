// What people have for training and evaluation, as shards of captioned pictures. docs/datasets.md shows each format.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "datasets/captioned_image.h"

namespace clipdex::datasets {

struct DatasetOptions {
  std::filesystem::path image_root;                // what names of files are relative to; empty: the folder of the file that names them
  std::string image_column;                        // of tables, or field of JSON objects; empty: the usual names
  std::vector<std::string> caption_columns;        // all of them are captions; empty: the first of the usual names
  std::string label_column;                        // empty: "label" or "class", if there is one
  std::optional<char> separator;                   // of tables; without one: tab in .tsv, else what the header holds of tab, comma and bar
  std::vector<std::string> splits;                 // of Karpathy's JSON, as "train" and "restval"; empty: all
  std::size_t bytes_max = std::size_t{128} << 20;  // of a picture, and of all pictures of one webdataset key together
};

// Immutable once open: any thread, several at once.
class Dataset {
 public:
  // Each word is a webdataset tar (.tar, .tar.gz, .tgz, .tar.zst), a table (.csv, .tsv, .txt), JSON lines (.jsonl, .ndjson), COCO's or
  // Karpathy's captions (.json), a folder of tars, or a folder with a folder of pictures for each class. Ranges in braces are expanded,
  // and "::" joins several in one word; not in a word that exists as it is. Headers are read here, and .json files whole.
  // Throws std::invalid_argument that names the file and the remedy.
  static Dataset open(const std::vector<std::string>& words, const DatasetOptions& options);

  // Each tar is a shard, and so is each other file or folder; in the order of the words. At least one.
  const std::vector<std::string>& shards() const { return names_; }

  // From its beginning; it may outlive the dataset. It holds one sample, one webdataset key's members, or the names of one class's
  // pictures. A shard without any picture has one error. Throws std::out_of_range for a shard that does not exist.
  std::unique_ptr<CaptionedImageSource> open_shard(std::size_t shard) const;

  // All shards, one after the other, as open_shard() opens each. It may outlive the dataset.
  std::unique_ptr<CaptionedImageSource> open_all() const;

 private:
  friend class DatasetBuilder;
  using Opener = std::function<std::unique_ptr<CaptionedImageSource>()>;

  Dataset() = default;

  std::vector<std::string> names_;
  std::vector<Opener> openers_;
};

}  // namespace clipdex::datasets

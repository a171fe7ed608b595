// Captioned pictures of a table: a row is a picture's file with one caption or more. Private to datasets/.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "datasets/captioned_image.h"
#include "datasets/dataset.h"
#include "datasets/delimited_text.h"

namespace clipdex::datasets {

// What a table's header says.
struct TableLayout {
  char separator = '\t';
  std::size_t columns = 0;
  std::size_t image = 0;              // a column's number, from 0
  std::vector<std::size_t> captions;  // none only if there is a label
  std::optional<std::size_t> label;
};

// Columns' names are taken without blanks around them. Throws std::invalid_argument that names the file and the remedy if it cannot be
// read, or has no column for pictures, none for captions or labels, or two of one name.
TableLayout read_table_layout(const std::filesystem::path& file, const DatasetOptions& options);

// Rows of RFC 4180; where bars separate, as in Flickr30k's results.csv, there are no quotes, and blanks around fields are left out. Rows
// that follow one another with the same picture, and captions, are one sample, named by the first of them; a bad row is an error of its own
// and leaves its neighbours alone.
class TableSource : public CaptionedImageSource {
 public:
  // Throws std::invalid_argument if the file cannot be read any more.
  TableSource(const std::filesystem::path& file, std::filesystem::path root, TableLayout layout);
  std::optional<CaptionedImage> next() override;

 private:
  CaptionedImage read_row(DelimitedText::Record& row) const;

  std::string name_;
  std::filesystem::path root_;
  TableLayout layout_;
  DelimitedText rows_;
  std::optional<CaptionedImage> pending_;  // more rows of the same picture may follow
};

}  // namespace clipdex::datasets

#include "datasets/table_source.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "datasets/sample_text.h"
#include "datasets/text.h"

namespace clipdex::datasets {
namespace {

using Names = std::vector<std::string>;

constexpr std::size_t kRowBytesMax = std::size_t{1} << 20;
constexpr char kBar = '|';

Quoting quoting(char separator) { return separator == kBar ? Quoting::kNone : Quoting::kRfc4180; }

std::string listed(const Names& names) {
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "\"" : ", \"") + name + "\"";
  return text;
}

char find_separator(const std::filesystem::path& file, const DatasetOptions& options) {
  if (options.separator) return *options.separator;
  if (lower_ascii(file.extension().string()) == ".tsv") return '\t';
  TextLines lines(file, kRowBytesMax);
  while (const auto line = lines.next()) {
    if (trimmed(line->text).empty()) continue;
    for (const char separator : {'\t', ',', kBar}) {
      if (line->text.find(separator) != std::string::npos) return separator;
    }
    break;
  }
  return ',';  // a single column, or none
}

// The header's columns by name.
class Columns {
 public:
  Columns(const std::filesystem::path& file, char separator) : file_(as_text(file.string())) {
    const auto header = DelimitedText(file, separator, kRowBytesMax, quoting(separator)).next();
    if (!header) throw std::invalid_argument(file_ + " is empty: its first row names the columns");
    if (!header->error.empty()) throw std::invalid_argument(file_ + ", line " + std::to_string(header->line) + ": " + header->error);
    for (const auto& field : header->fields) {
      if (!is_utf8(field)) throw std::invalid_argument(file_ + " is not UTF-8: convert it, for example with iconv");
      const std::string name(trimmed(field));
      if (find(name)) throw std::invalid_argument(file_ + " has two columns \"" + name + "\"");
      names_.push_back(name);
    }
  }

  std::size_t count() const { return names_.size(); }

  std::optional<std::size_t> find(const std::string& name) const {
    const auto at = std::find(names_.begin(), names_.end(), name);
    return at == names_.end() ? std::nullopt : std::optional<std::size_t>(at - names_.begin());
  }

  // The column that was asked for, which must be there, or else the first of the usual ones.
  std::optional<std::size_t> find(const std::string& asked, const Names& usual) const {
    if (!asked.empty()) {
      const auto column = find(asked);
      if (!column) throw std::invalid_argument(file_ + " has no column \"" + asked + "\": it has " + listed(names_));
      return column;
    }
    for (const auto& name : usual) {
      if (const auto column = find(name)) return column;
    }
    return std::nullopt;
  }

  [[noreturn]] void missing(const std::string& what, const Names& usual, const std::string& option) const {
    throw std::invalid_argument(file_ + " has no column for " + what + " in its first row (" + listed(usual) + "): it has " +
                                listed(names_) + "; name the column with " + option);
  }

 private:
  std::string file_;
  Names names_;
};

}  // namespace

TableLayout read_table_layout(const std::filesystem::path& file, const DatasetOptions& options) {
  static const Names image_names = {"filepath", "file", "path", "image", "image_name", "filename"};
  static const Names caption_names = {"title", "caption", "captions", "text", "comment"};
  TableLayout layout{.separator = find_separator(file, options)};
  const Columns columns(file, layout.separator);
  layout.columns = columns.count();
  const auto image = columns.find(options.image_column, image_names);
  if (!image) columns.missing("pictures", image_names, "--image-column");
  layout.image = *image;
  for (const auto& name : options.caption_columns) layout.captions.push_back(columns.find(name, {}).value());
  if (layout.captions.empty()) {
    if (const auto caption = columns.find("", caption_names)) layout.captions.push_back(*caption);
  }
  layout.label = columns.find(options.label_column, {"label", "class"});
  if (layout.captions.empty() && !layout.label) columns.missing("captions", caption_names, "--caption-column");
  return layout;
}

TableSource::TableSource(const std::filesystem::path& file, std::filesystem::path root, TableLayout layout)
    : name_(as_text(file.string())),
      root_(std::move(root)),
      layout_(std::move(layout)),
      rows_(file, layout_.separator, kRowBytesMax, quoting(layout_.separator)) {
  static_cast<void>(rows_.next());  // the header
}

std::optional<CaptionedImage> TableSource::next() {
  while (auto row = rows_.next()) {
    auto image = read_row(*row);
    if (!image.error.empty()) return image;
    if (!pending_) {
      pending_ = std::move(image);
      continue;
    }
    const bool same =
        pending_->file == image.file && pending_->label == image.label && !pending_->captions.empty() && !image.captions.empty();
    if (!same) {
      std::swap(*pending_, image);
      return image;
    }
    for (const auto& caption : image.captions) {
      if (image.error.empty()) image.error = add_caption(*pending_, caption);
    }
    if (!image.error.empty()) return image;
  }
  return std::exchange(pending_, std::nullopt);
}

CaptionedImage TableSource::read_row(DelimitedText::Record& row) const {
  CaptionedImage image;
  image.where = name_ + ":" + std::to_string(row.line);
  image.error = std::move(row.error);
  if (!image.error.empty()) return image;
  auto& fields = row.fields;
  if (fields.size() != layout_.columns) {
    image.error = "the row has " + std::to_string(fields.size()) + " fields, and the header " + std::to_string(layout_.columns);
    return image;
  }
  if (layout_.separator == kBar) fields[layout_.image] = trimmed(fields[layout_.image]);
  if (fields[layout_.image].empty()) {
    image.error = "it names no picture";
    return image;
  }
  image.file = root_ / fields[layout_.image];
  if (layout_.label) image.error = set_label(image, fields[*layout_.label]);
  std::string blank;  // one caption of several may be missing
  for (const auto column : layout_.captions) {
    if (!image.error.empty()) break;
    if (trimmed(fields[column]).empty()) {
      blank = "its caption is empty";
    } else {
      image.error = add_caption(image, fields[column]);
    }
  }
  if (image.error.empty() && image.captions.empty() && !image.label) image.error = blank.empty() ? "its label is empty" : blank;
  return image;
}

}  // namespace clipdex::datasets

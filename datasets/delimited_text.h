// Comma- and tab-separated values (RFC 4180): records over a TextLines.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "datasets/text_lines.h"

namespace clipdex::datasets {

enum class Quoting {
  kRfc4180,  // a field in quotes may hold delimiters, line ends and doubled quotes
  kNone,     // quotes are characters like others; a record is a line
};

// One thread at a time.
class DelimitedText {
 public:
  // Records of more bytes, or of more than 4,096 fields, are failed ones.
  DelimitedText(const std::filesystem::path& file, char delimiter, std::size_t record_bytes_max, Quoting quoting = Quoting::kRfc4180);

  struct Record {
    std::vector<std::string> fields;
    std::size_t line = 0;  // where it begins, from 1
    std::string error;     // set if it is none; the next record follows it
  };
  // Nothing at the end. Empty lines are no records.
  std::optional<Record> next();

 private:
  struct Cursor;

  std::string read_fields(Cursor& cursor, std::vector<std::string>& fields);
  std::string read_quoted(Cursor& cursor, std::string& field);
  std::string take_line(Cursor& cursor);

  TextLines lines_;
  char delimiter_;
  std::size_t record_bytes_max_;
  Quoting quoting_;
};

}  // namespace clipdex::datasets

#include "datasets/delimited_text.h"

#include <algorithm>
#include <utility>

namespace clipdex::datasets {
namespace {

constexpr std::size_t kFieldsMax = 4096;

// A line's end may be CR LF.
void drop_carriage_return(std::string& line) {
  if (line.ends_with('\r')) line.pop_back();
}

}  // namespace

// Where reading is in a record, which goes over several lines while a quote is open.
struct DelimitedText::Cursor {
  std::string line;
  std::size_t at = 0;
  std::size_t bytes = 0;  // of the record so far
};

DelimitedText::DelimitedText(const std::filesystem::path& file, char delimiter, std::size_t record_bytes_max, Quoting quoting)
    : lines_(file, record_bytes_max), delimiter_(delimiter), record_bytes_max_(record_bytes_max), quoting_(quoting) {}

std::optional<DelimitedText::Record> DelimitedText::next() {
  while (auto line = lines_.next()) {
    Record record{.fields = {}, .line = line->number, .error = {}};
    if (line->too_long) {
      record.error = "it has more than " + std::to_string(record_bytes_max_) + " bytes";
      return record;
    }
    drop_carriage_return(line->text);
    if (line->text.empty()) continue;
    Cursor cursor{.line = std::move(line->text)};
    cursor.bytes = cursor.line.size();
    record.error = read_fields(cursor, record.fields);
    return record;
  }
  return std::nullopt;
}

// What is wrong with the record, or "".
std::string DelimitedText::read_fields(Cursor& cursor, std::vector<std::string>& fields) {
  while (true) {
    std::string field;
    if (quoting_ == Quoting::kRfc4180 && cursor.at < cursor.line.size() && cursor.line[cursor.at] == '"') {
      ++cursor.at;
      if (auto error = read_quoted(cursor, field); !error.empty()) return error;
      if (cursor.at < cursor.line.size() && cursor.line[cursor.at] != delimiter_)
        return "field " + std::to_string(fields.size() + 1) + " goes on behind its closing quote: quotes within a field are doubled";
    } else {
      const auto end = std::min(cursor.line.find(delimiter_, cursor.at), cursor.line.size());
      field = cursor.line.substr(cursor.at, end - cursor.at);
      cursor.at = end;
    }
    if (fields.size() == kFieldsMax) return "it has more than " + std::to_string(kFieldsMax) + " fields";
    fields.push_back(std::move(field));
    if (cursor.at >= cursor.line.size()) return "";
    ++cursor.at;  // the delimiter
  }
}

// From behind the opening quote to behind the closing one.
std::string DelimitedText::read_quoted(Cursor& cursor, std::string& field) {
  while (true) {
    if (cursor.at >= cursor.line.size()) {
      if (auto error = take_line(cursor); !error.empty()) return error;
      field += '\n';
      continue;
    }
    const char c = cursor.line[cursor.at++];
    if (c != '"') {
      field += c;
    } else if (cursor.at < cursor.line.size() && cursor.line[cursor.at] == '"') {
      field += '"';
      ++cursor.at;
    } else {
      return "";
    }
  }
}

std::string DelimitedText::take_line(Cursor& cursor) {
  auto more = lines_.next();
  if (!more) return "a quote that is opened here is never closed: everything behind it is skipped";
  cursor.bytes += more->text.size() + 1;
  if (more->too_long || cursor.bytes > record_bytes_max_) {
    return "a quote that is opened here is not closed within " + std::to_string(record_bytes_max_) + " bytes: the lines up to " +
           std::to_string(more->number) + " are skipped";
  }
  drop_carriage_return(more->text);
  cursor.line = std::move(more->text);
  cursor.at = 0;
  return "";
}

}  // namespace clipdex::datasets

#include "datasets/text_lines.h"

#include <stdexcept>

namespace clipdex::datasets {

TextLines::TextLines(const std::filesystem::path& file, std::size_t line_bytes_max)
    : file_(file), stream_(), line_bytes_max_(line_bytes_max) {
  std::error_code error;
  // Before it is opened: opening a pipe waits for whoever writes to it.
  if (!std::filesystem::is_regular_file(file, error))
    throw std::invalid_argument("cannot read " + file.string() + ": " + (error ? error.message() : "it is not a regular file"));
  stream_.open(file, std::ios::binary);
  if (!stream_) throw std::invalid_argument("cannot read " + file.string() + ": may it be read by you?");
}

std::optional<TextLines::Line> TextLines::next() {
  Line line{.text = {}, .number = number_ + 1, .too_long = false};
  auto& buffer = *stream_.rdbuf();
  bool any = false;
  for (auto c = buffer.sbumpc(); c != std::ifstream::traits_type::eof(); c = buffer.sbumpc()) {
    any = true;
    if (c == '\n') break;
    if (line.text.size() < line_bytes_max_) {
      line.text += static_cast<char>(c);
    } else {
      line.too_long = true;
    }
  }
  if (!any) return std::nullopt;
  number_ = line.number;
  if (number_ == 1 && line.text.starts_with("\xEF\xBB\xBF")) line.text.erase(0, 3);
  return line;
}

}  // namespace clipdex::datasets

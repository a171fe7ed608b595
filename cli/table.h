// Aligned columns for people.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

namespace clipdex::cli {

// Widths count what a terminal shows: East Asian characters and emoji are two columns wide, combining marks
// none.
void print_table(std::ostream& out, const std::vector<std::string>& header, const std::vector<std::vector<std::string>>& rows);

// Control characters become '?' and what is no UTF-8 U+FFFD, so that an id or a caption cannot move the cursor; longer texts end in "...".
std::string printable(const std::string& text, std::size_t columns_max);

// "1.4 MB"
std::string human_bytes(double bytes);

// metadata.caption or .title, else the source.
std::string caption_of(const std::string& metadata, const std::string& source);

}  // namespace clipdex::cli

// Names of many shards in one word, as webdataset writes them.
#pragma once

#include <string>
#include <vector>

namespace clipdex::datasets {

// "shard-{000000..000012}.tar" -> 13 names; numbers keep the width of the first one. Every range of the word is expanded, the last one
// counting fastest; a word without one is itself. Throws std::invalid_argument for more than 100,000 names.
std::vector<std::string> expand_brace_ranges(const std::string& word);

}  // namespace clipdex::datasets

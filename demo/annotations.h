// Names and keywords of emoji from Unicode's CLDR. The home of pugixml.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace clipdex::demo {

struct Words {
  std::string name;
  std::vector<std::string> keywords;
};

// One language's words. A value; safe to read from many threads.
struct Annotations {
  // In the file's order, which is that of an emoji keyboard. The sequences are UTF-8 and without variation selectors, as CLDR has them.
  std::vector<std::string> sequences;
  std::map<std::string, Words> words;
};

// cldr: the folder that holds annotations/ and annotationsDerived/. locale: "en", "zh_Hant", "pt-PT", ...
// Typographic apostrophes become those of a keyboard. Throws std::runtime_error if the folder is not there, which names the Debian
// package, or a file is damaged; std::invalid_argument if CLDR has no annotations for the locale.
Annotations read_annotations(const std::filesystem::path& cldr, const std::string& locale);

}  // namespace clipdex::demo

#include "demo/annotations.h"

#include <algorithm>
#include <pugixml.hpp>
#include <stdexcept>
#include <string_view>

namespace clipdex::demo {
namespace {

namespace fs = std::filesystem;

// What CLDR writes where a locale has its parent's words.
constexpr std::string_view kInherited = "↑↑↑";

std::string trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\n\r");
  if (first == std::string_view::npos) return "";
  return std::string(text.substr(first, text.find_last_not_of(" \t\n\r") - first + 1));
}

// "man’s shoe" as a person types it.
std::string typed(std::string_view text) {
  constexpr std::string_view kApostrophe = "’";
  std::string plain = trimmed(text);
  for (auto at = plain.find(kApostrophe); at != std::string::npos; at = plain.find(kApostrophe, at))
    plain.replace(at, kApostrophe.size(), "'");
  return plain;
}

std::vector<std::string> keywords_of(std::string_view list) {
  std::vector<std::string> keywords;
  while (!list.empty()) {
    const auto bar = std::min(list.find('|'), list.size());
    const auto keyword = typed(list.substr(0, bar));
    if (!keyword.empty() && std::find(keywords.begin(), keywords.end(), keyword) == keywords.end()) keywords.push_back(keyword);
    list.remove_prefix(std::min(bar + 1, list.size()));
  }
  return keywords;
}

void read_file(const fs::path& file, Annotations& annotations) {
  pugi::xml_document document;
  const auto parsed = document.load_file(file.c_str());
  if (!parsed) throw std::runtime_error(file.string() + " cannot be read: " + parsed.description());
  for (const auto& entry : document.child("ldml").child("annotations").children("annotation")) {
    const std::string sequence = entry.attribute("cp").value();
    const std::string_view text = entry.text().get();
    if (text == kInherited) continue;
    if (!annotations.words.contains(sequence)) annotations.sequences.push_back(sequence);
    auto& words = annotations.words[sequence];
    if (std::string_view(entry.attribute("type").value()) == "tts") {
      words.name = typed(text);
    } else {
      words.keywords = keywords_of(text);
    }
  }
}

}  // namespace

Annotations read_annotations(const fs::path& cldr, const std::string& locale) {
  if (!fs::is_directory(cldr / "annotations"))
    throw std::runtime_error("there are no annotations in " + cldr.string() + ": the Debian package unicode-cldr-core has them");
  std::string name = locale;
  std::replace(name.begin(), name.end(), '-', '_');
  const bool plausible =
      !name.empty() && std::all_of(name.begin(), name.end(), [](unsigned char c) { return std::isalnum(c) || c == '_'; });
  if (!plausible || !fs::exists(cldr / "annotations" / (name + ".xml")))
    throw std::invalid_argument("CLDR has no annotations for the language \"" + locale + "\": " + (cldr / "annotations").string() +
                                " has a file for each that it has");
  Annotations annotations;
  for (const auto* folder : {"annotations", "annotationsDerived"}) {
    const fs::path file = cldr / folder / (name + ".xml");
    if (fs::exists(file)) read_file(file, annotations);
  }
  return annotations;
}

}  // namespace clipdex::demo

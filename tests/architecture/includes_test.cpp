// The map in ARCHITECTURE.md, kept true: who may include whom, and where each third-party library lives.
#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

const std::map<std::string, std::set<std::string>> kAllowed = {
    {"datasets", {"datasets"}},
    {"encoder", {"encoder", "datasets"}},
    {"index", {"index"}},
    {"storage", {"storage"}},
    {"engine", {"engine", "encoder", "index", "storage", "datasets"}},
    {"http", {"http", "engine"}},
    {"cli", {"cli", "http", "engine", "datasets"}},
    {"demo", {"demo", "encoder"}},
};

// First part of an include in angle brackets -> the folders it may stand in.
const std::map<std::string, std::set<std::string>> kHomes = {
    {"torch", {"encoder"}},
    {"ATen", {"encoder"}},
    {"c10", {"encoder"}},
    {"turbojpeg.h", {"encoder"}},
    {"jpeglib.h", {"encoder"}},
    {"jerror.h", {"encoder"}},
    {"spng.h", {"encoder"}},
    {"pcre2.h", {"encoder"}},
    {"utf8proc.h", {"encoder"}},
    {"zlib.h", {"encoder"}},
    {"webp", {"encoder"}},
    {"gif_lib.h", {"encoder"}},
    {"tiffio.h", {"encoder"}},
    {"libheif", {"encoder"}},
    {"oneapi", {"encoder"}},
    {"nvjpeg.h", {"encoder"}},
    {"faiss", {"index"}},
    {"rocksdb", {"storage"}},
    {"httplib.h", {"http"}},
    {"CLI", {"cli", "demo"}},
    {"archive.h", {"datasets", "demo"}},
    {"archive_entry.h", {"datasets", "demo"}},
    {"ft2build.h", {"demo"}},
    {"hb.h", {"demo"}},
    {"pugixml.hpp", {"demo"}},
};

struct Include {
  std::string file;  // relative to the project
  std::string folder;
  std::string path;
  bool quoted = false;
};

std::vector<fs::path> sources(const std::string& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(fs::path(CLIPDEX_SOURCE_DIR) / folder)) {
    const auto extension = entry.path().extension();
    if (entry.is_regular_file() && (extension == ".h" || extension == ".cpp")) files.push_back(entry.path());
  }
  return files;
}

std::vector<Include> includes_of(const std::string& folder) {
  static const std::regex pattern(R"re(^\s*#\s*include\s*(["<])([^">]+)[">])re");
  std::vector<Include> includes;
  for (const auto& file : sources(folder)) {
    std::ifstream stream(file);
    for (std::string line; std::getline(stream, line);) {
      std::smatch match;
      if (!std::regex_search(line, match, pattern)) continue;
      includes.push_back({fs::relative(file, CLIPDEX_SOURCE_DIR).string(), folder, match[2], match[1] == "\""});
    }
  }
  return includes;
}

std::string first_part(const std::string& path) { return path.substr(0, path.find('/')); }

}  // namespace

TEST_CASE("includes go from cli and http to engine to encoder, index and storage, to datasets from all that read them, and never back") {
  for (const auto& [folder, allowed] : kAllowed) {
    const auto includes = includes_of(folder);
    REQUIRE(!includes.empty());
    for (const auto& include : includes) {
      if (!include.quoted) continue;
      INFO(include.file << " includes " << include.path);
      // Includes start at the root, so that their first part is a folder of the map.
      CHECK(kAllowed.contains(first_part(include.path)));
      CHECK(allowed.contains(first_part(include.path)));
    }
  }
}

TEST_CASE("each third-party library stays in its home folders") {
  for (const auto& [folder, allowed] : kAllowed) {
    for (const auto& include : includes_of(folder)) {
      const auto home = kHomes.find(first_part(include.path));
      if (include.quoted || home == kHomes.end()) continue;
      INFO(include.file << " includes " << include.path);
      CHECK(home->second.contains(folder));
    }
  }
}

TEST_CASE("headers that other folders may include show no third-party library") {
  for (const auto& [folder, allowed] : kAllowed) {
    for (const auto& other : includes_of(folder)) {
      if (!other.quoted || first_part(other.path) == folder) continue;
      const fs::path header = fs::path(CLIPDEX_SOURCE_DIR) / other.path;
      REQUIRE(fs::exists(header));
      std::ifstream stream(header);
      const std::string text{std::istreambuf_iterator<char>(stream), {}};
      INFO(other.file << " includes " << other.path);
      for (const auto& [library, homes] : kHomes) CHECK(text.find("#include <" + library) == std::string::npos);
      CHECK(text.find("#include <nlohmann") == std::string::npos);
      CHECK(text.find("#include <spdlog") == std::string::npos);
    }
  }
}

TEST_CASE("no source file outgrows one concept") {
  constexpr int kLinesMax = 450;
  for (const auto& [folder, allowed] : kAllowed) {
    for (const auto& file : sources(folder)) {
      if (file.filename() == "html_entities.cpp") continue;  // a table
      std::ifstream stream(file);
      int lines = 0;
      for (std::string line; std::getline(stream, line);) ++lines;
      INFO(file.string());
      CHECK(lines <= kLinesMax);
    }
  }
}

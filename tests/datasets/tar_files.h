// Tar archives made member by member, good ones and bad ones (POSIX ustar).
#pragma once

#include <array>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <string>
#include <vector>

namespace clipdex::tests {

inline constexpr std::size_t kTarBlock = 512;

struct TarEntry {
  std::string name, bytes;
  char type = '0';   // '0': file, '2': symbolic link, '5': folder
  std::string link;  // where a link leads
};

inline std::string tar_header(const TarEntry& entry) {
  std::array<char, kTarBlock> header{};
  const auto put = [&header](std::size_t at, const std::string& text) { std::memcpy(header.data() + at, text.data(), text.size()); };
  char size[16];
  std::snprintf(size, sizeof size, "%011zo", entry.bytes.size());
  put(0, entry.name.substr(0, 100));
  put(100, "0000644");
  put(108, "0000000");
  put(116, "0000000");
  put(124, size);
  put(136, "00000000000");
  put(148, "        ");  // the checksum counts as spaces
  header[156] = entry.type;
  put(157, entry.link);
  put(257, std::string("ustar\0"
                       "00",
                       8));
  const auto sum =
      std::accumulate(header.begin(), header.end(), 0U, [](unsigned all, char c) { return all + static_cast<unsigned char>(c); });
  char checksum[16];
  std::snprintf(checksum, sizeof checksum, "%06o", sum);
  put(148, checksum);
  header[154] = '\0';
  return {header.data(), header.size()};
}

// Without the two empty blocks at the end.
inline std::string tar_members(const std::vector<TarEntry>& entries) {
  std::string tar;
  for (const auto& entry : entries) {
    tar += tar_header(entry) + entry.bytes;
    tar.append((kTarBlock - entry.bytes.size() % kTarBlock) % kTarBlock, '\0');
  }
  return tar;
}

inline std::filesystem::path write_tar(const std::filesystem::path& file, const std::vector<TarEntry>& entries) {
  std::ofstream(file, std::ios::binary) << tar_members(entries) << std::string(2 * kTarBlock, '\0');
  return file;
}

}  // namespace clipdex::tests

// The directory of a zip archive (APPNOTE.TXT 6.3, zip64 included) as PyTorch writes them: but for a TorchScript archive's code, nothing is
// compressed, so that the entries are stretches of the mapped file.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace clipdex::encoder {

class ZipDirectory {
 public:
  // Throws std::runtime_error for an archive that is truncated or damaged, and for one whose entries overlap or bear the same name.
  // Checksums are not compared: that would read all of a large checkpoint twice.
  explicit ZipDirectory(std::span<const std::byte> archive);

  // In order.
  std::vector<std::string_view> names() const;
  bool contains(std::string_view name) const { return entries_.contains(name); }
  // std::nullopt where there is no such entry. Throws std::runtime_error for one that is compressed or encrypted.
  std::optional<std::span<const std::byte>> find(std::string_view name) const;

 private:
  struct Entry {
    std::span<const std::byte> bytes;
    bool plain = true;
  };
  void check_overlap() const;
  std::map<std::string, Entry, std::less<>> entries_;
};

}  // namespace clipdex::encoder

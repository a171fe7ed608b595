// The directory of a zip archive (APPNOTE.TXT 6.3, zip64 included) as PyTorch writes them: nothing is compressed, so that the entries are
// stretches of the mapped file.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <span>
#include <string>

namespace clipdex::encoder {

using ZipEntries = std::map<std::string, std::span<const std::byte>, std::less<>>;

// Throws std::runtime_error for an archive that is truncated, damaged, compressed or encrypted, and for one whose entries overlap or
// bear the same name. Checksums are not compared: that would read all of a large checkpoint twice.
ZipEntries read_zip_directory(std::span<const std::byte> archive);

}  // namespace clipdex::encoder

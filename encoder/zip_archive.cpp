#include "encoder/zip_archive.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <vector>

#include "encoder/byte_reader.h"

namespace clipdex::encoder {
namespace {

using Bytes = std::span<const std::byte>;

constexpr std::uint32_t kEndSignature = 0x06054b50, kEnd64Signature = 0x06064b50, kLocator64Signature = 0x07064b50;
constexpr std::uint32_t kEntrySignature = 0x02014b50, kLocalSignature = 0x04034b50;
constexpr std::size_t kEndBytes = 22, kLocator64Bytes = 20;
constexpr std::uint32_t kIn64 = 0xFFFFFFFF;  // the number is in the zip64 part
constexpr std::uint16_t kCountIn64 = 0xFFFF;
constexpr std::size_t kEntriesMax = 200'000;  // bigG has 1,600 tensors
constexpr const char* kTruncated = "its zip directory is damaged: download or copy it again";

struct Directory {
  std::uint64_t entries = 0, offset = 0, size = 0;
};

// The record at the end of the file, which a comment may follow.
std::size_t find_end(Bytes archive) {
  constexpr std::size_t kCommentMax = 0xFFFF;
  if (archive.size() >= kEndBytes) {
    const std::size_t last = archive.size() - kEndBytes;
    const std::size_t first = last > kCommentMax ? last - kCommentMax : 0;
    for (std::size_t at = last + 1; at-- > first;) {
      if (ByteReader(archive, at, kTruncated).number<std::uint32_t>() == kEndSignature) return at;
    }
  }
  throw std::runtime_error("its zip archive has no end: it is truncated, download or copy it again");
}

Directory find_directory(Bytes archive) {
  const std::size_t end = find_end(archive);
  ByteReader reader(archive, end + 8, kTruncated);
  reader.number<std::uint16_t>();  // entries on this disk
  Directory directory;
  directory.entries = reader.number<std::uint16_t>();
  directory.size = reader.number<std::uint32_t>();
  directory.offset = reader.number<std::uint32_t>();
  const bool in64 = directory.entries == kCountIn64 || directory.size == kIn64 || directory.offset == kIn64;
  if (in64 && end >= kLocator64Bytes) {
    ByteReader locator(archive, end - kLocator64Bytes, kTruncated);
    if (locator.number<std::uint32_t>() == kLocator64Signature) {
      locator.number<std::uint32_t>();  // disk
      ByteReader end64(archive, locator.number<std::uint64_t>(), kTruncated);
      if (end64.number<std::uint32_t>() != kEnd64Signature) throw std::runtime_error(kTruncated);
      end64.take(28);  // sizes, versions, disks, entries on this disk
      directory.entries = end64.number<std::uint64_t>();
      directory.size = end64.number<std::uint64_t>();
      directory.offset = end64.number<std::uint64_t>();
    }
  }
  if (directory.offset > end || directory.size > end - directory.offset) throw std::runtime_error(kTruncated);
  if (directory.entries > kEntriesMax) throw std::runtime_error("its zip archive has over " + std::to_string(kEntriesMax) + " entries");
  return directory;
}

struct Header {
  std::string name;
  std::uint64_t size = 0, stored_size = 0, local_header = 0;
  bool plain = true;  // neither compressed nor encrypted
};

// Sizes and offset of over 4 GiB are in an extra field of id 1, those of them that are marked, in this order.
void read_extra64(Header& entry, Bytes extra) {
  constexpr std::uint16_t kExtra64 = 1;
  ByteReader fields(extra, 0, kTruncated);
  while (fields.remaining() >= 4) {
    const auto id = fields.number<std::uint16_t>();
    const auto field = fields.take(fields.number<std::uint16_t>());
    if (id != kExtra64) continue;
    ByteReader values(field, 0, kTruncated);
    if (entry.size == kIn64) entry.size = values.number<std::uint64_t>();
    if (entry.stored_size == kIn64) entry.stored_size = values.number<std::uint64_t>();
    if (entry.local_header == kIn64) entry.local_header = values.number<std::uint64_t>();
    return;
  }
}

Header read_header(ByteReader& reader) {
  constexpr std::size_t kNameBytesMax = 4096;
  constexpr std::uint16_t kEncrypted = 1;
  if (reader.number<std::uint32_t>() != kEntrySignature) throw std::runtime_error(kTruncated);
  reader.number<std::uint32_t>();  // versions
  const auto flags = reader.number<std::uint16_t>();
  const auto method = reader.number<std::uint16_t>();
  reader.take(8);  // time, date, checksum
  Header entry;
  entry.stored_size = reader.number<std::uint32_t>();
  entry.size = reader.number<std::uint32_t>();
  const auto name_bytes = reader.number<std::uint16_t>();
  const auto extra_bytes = reader.number<std::uint16_t>();
  const auto comment_bytes = reader.number<std::uint16_t>();
  reader.take(8);  // disk, attributes
  entry.local_header = reader.number<std::uint32_t>();
  if (name_bytes > kNameBytesMax) throw std::runtime_error("its zip archive has a name of " + std::to_string(name_bytes) + " bytes");
  entry.name = reader.text(name_bytes);
  read_extra64(entry, reader.take(extra_bytes));
  reader.take(comment_bytes);
  entry.plain = (flags & kEncrypted) == 0 && method == 0 && entry.size == entry.stored_size;
  return entry;
}

// The entry's bytes in the archive. `limit`: where the central directory begins.
Bytes locate(Bytes archive, const Header& entry, std::uint64_t limit) {
  ByteReader local(archive.first(limit), 0, kTruncated);
  if (entry.local_header > limit) throw std::runtime_error(kTruncated);
  local.take(entry.local_header);
  if (local.number<std::uint32_t>() != kLocalSignature) throw std::runtime_error(kTruncated);
  local.take(22);  // version, flags, method, time, date, checksum, sizes: the central directory's count
  const auto name_bytes = local.number<std::uint16_t>();
  const auto extra_bytes = local.number<std::uint16_t>();
  if (local.text(name_bytes) != entry.name) throw std::runtime_error("its zip directory names " + entry.name + " otherwise elsewhere");
  local.take(extra_bytes);
  return local.take(entry.stored_size);
}

}  // namespace

ZipDirectory::ZipDirectory(Bytes archive) {
  const auto directory = find_directory(archive);
  ByteReader reader(archive.subspan(directory.offset, directory.size), 0, kTruncated);
  for (std::uint64_t i = 0; i < directory.entries; ++i) {
    const auto header = read_header(reader);
    if (header.name.ends_with('/') && header.size == 0) continue;  // a folder
    const Entry entry{.bytes = locate(archive, header, directory.offset), .plain = header.plain};
    if (!entries_.emplace(header.name, entry).second) throw std::runtime_error("its zip archive has " + header.name + " twice");
  }
  check_overlap();
}

void ZipDirectory::check_overlap() const {
  std::vector<Bytes> parts;
  parts.reserve(entries_.size());
  for (const auto& [name, entry] : entries_) {
    if (!entry.bytes.empty()) parts.push_back(entry.bytes);
  }
  std::sort(parts.begin(), parts.end(), [](const Bytes& a, const Bytes& b) { return a.data() < b.data(); });
  for (std::size_t i = 1; i < parts.size(); ++i) {
    if (parts[i - 1].data() + parts[i - 1].size() > parts[i].data()) throw std::runtime_error("entries of its zip archive overlap");
  }
}

std::vector<std::string_view> ZipDirectory::names() const {
  std::vector<std::string_view> names;
  names.reserve(entries_.size());
  for (const auto& [name, entry] : entries_) names.emplace_back(name);
  return names;
}

std::optional<Bytes> ZipDirectory::find(std::string_view name) const {
  const auto found = entries_.find(name);
  if (found == entries_.end()) return std::nullopt;
  if (!found->second.plain) {
    throw std::runtime_error("its entry " + found->first +
                             " is compressed or encrypted, which PyTorch never does: save it again with torch.save");
  }
  return found->second.bytes;
}

}  // namespace clipdex::encoder

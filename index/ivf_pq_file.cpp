// What IvfPq::write() writes, little-endian: FileHeader; and, if there are lists: the centroids, float32 [lists, dimension]; the codes'
// centroids, float32 [dimension, 256]; where each list starts, uint32 [lists + 1]; the vectors' positions list by list, uint32 [n]; their
// codes, uint8 [n, parts].
#include <algorithm>
#include <stdexcept>

#include "index/byte_arrays.h"
#include "index/ivf_pq.h"

namespace clipdex::index {
namespace {

constexpr std::uint32_t kVersion = 1;

struct FileHeader {
  std::uint32_t version = kVersion;
  std::uint32_t dimension = 0;
  std::uint32_t parts = 0;
  std::uint32_t lists = 0;
  std::uint64_t n = 0;
};

[[noreturn]] void refuse(const std::string& why) { throw std::runtime_error("these bytes are no inverted file of this segment: " + why); }

}  // namespace

void IvfPq::write(std::ostream& out) const {
  const FileHeader header{.dimension = static_cast<std::uint32_t>(dimension_),
                          .parts = static_cast<std::uint32_t>(parts_),
                          .lists = static_cast<std::uint32_t>(lists()),
                          .n = n_};
  write_bytes(out, &header, 1);
  write_bytes(out, centroids_);
  write_bytes(out, code_centroids_);
  write_bytes(out, list_starts_);
  write_bytes(out, positions_);
  write_bytes(out, codes_);
}

std::unique_ptr<const IvfPq> IvfPq::read(std::span<const std::byte> bytes, std::size_t n, std::size_t dimension) {
  if (bytes.size() < sizeof(FileHeader)) refuse("they are too few");
  const FileHeader header = take_values<FileHeader>(bytes, 1).front();
  if (header.version != kVersion)
    refuse("their format is " + std::to_string(header.version) + ", and this program reads " + std::to_string(kVersion));
  if (header.n != n || header.dimension != dimension || n == 0 || dimension == 0) {
    refuse("it is of " + std::to_string(header.n) + " vectors of " + std::to_string(header.dimension) + ", and the segment of " +
           std::to_string(n) + " of " + std::to_string(dimension));
  }
  if (header.parts == 0 || dimension % header.parts != 0) refuse("a vector has " + std::to_string(header.parts) + " codes");
  const std::uint64_t lists = header.lists;
  const std::uint64_t list_bytes = lists * (dimension * sizeof(float) + sizeof(std::uint32_t));
  const std::uint64_t code_bytes = kCodes * dimension * sizeof(float) + sizeof(std::uint32_t) + n * (header.parts + sizeof(std::uint32_t));
  if (bytes.size() != (lists == 0 ? 0 : list_bytes + code_bytes)) refuse("their number does not fit its sizes");

  std::unique_ptr<IvfPq> file(new IvfPq);
  file->n_ = n;
  file->dimension_ = dimension;
  file->parts_ = header.parts;
  if (lists == 0) return file;
  file->centroids_ = take_values<float>(bytes, lists * dimension);
  file->code_centroids_ = take_values<float>(bytes, dimension * kCodes);
  file->list_starts_ = take_values<std::uint32_t>(bytes, lists + 1);
  file->positions_ = take_values<std::uint32_t>(bytes, n);
  file->codes_ = take_values<std::uint8_t>(bytes, n * header.parts);
  if (file->list_starts_.front() != 0 || file->list_starts_.back() != n ||
      !std::is_sorted(file->list_starts_.begin(), file->list_starts_.end()))
    refuse("its lists are not one behind the other");
  if (std::any_of(file->positions_.begin(), file->positions_.end(), [n](std::uint32_t position) { return position >= n; }))
    refuse("a list names a vector that is not there");
  return file;
}

}  // namespace clipdex::index

#include "index/segment_file.h"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "index/durable_file.h"
#include "index/segment_layout.h"

namespace clipdex::index {
namespace {

std::filesystem::path file_path(const std::filesystem::path& directory, std::uint64_t number, const char* extension) {
  std::string digits = std::to_string(number);
  if (digits.size() < 6) digits.insert(0, 6 - digits.size(), '0');
  return directory / (digits + extension);
}

std::string with_file(const std::filesystem::path& file, const std::string& problem) { return file.string() + ": " + problem; }

Sidecar checked_sidecar(const SegmentFiles& files) {
  const auto sidecar = read_sidecar(files.sidecar);
  if (sidecar.number != files.number) throw std::runtime_error("it belongs to segment " + std::to_string(sidecar.number));
  if (sidecar.fingerprint != files.fingerprint) throw std::runtime_error("its vectors are another model's");
  if (sidecar.dimension != files.dimension) {
    throw std::runtime_error("its vectors have " + std::to_string(sidecar.dimension) + " dimensions instead of " +
                             std::to_string(files.dimension));
  }
  if (files.checksum && sidecar.checksum != *files.checksum) throw std::runtime_error("it is of another segment than the manifest's");
  return sidecar;
}

void check_content(const Sidecar& sidecar, std::span<const std::uint64_t> rows) {
  const bool ascending = std::adjacent_find(rows.begin(), rows.end(), std::greater_equal<>()) == rows.end();
  if (!ascending || rows.front() != sidecar.range.first || rows.back() != sidecar.range.last) {
    throw std::runtime_error("its rows are not those of its sidecar");
  }
}

std::shared_ptr<const SealedSegment> map_segment(const Sidecar& sidecar, const SegmentFiles& files, std::string& problem) {
  const auto& file = files.segment;
  const SegmentLayout layout(sidecar.rows, sidecar.dimension);
  std::error_code error;
  const auto size = std::filesystem::file_size(file, error);
  if (error) throw std::runtime_error(error.message());
  if (size != sidecar.file_bytes) {
    throw std::runtime_error("it has " + std::to_string(size) + " bytes instead of " + std::to_string(sidecar.file_bytes));
  }
  // A row takes 4 bytes at least, so that the layout cannot overflow where this holds.
  if (sidecar.rows > size / sizeof(float) / sidecar.dimension || layout.approximation > size) throw std::runtime_error("it is too short");
  if (file_checksum(file, size) != sidecar.checksum) throw std::runtime_error("its checksum is wrong");

  const auto map = std::make_shared<const MappedFile>(file);
  const auto bytes = map->bytes();
  if (bytes.size() != size || std::memcmp(bytes.data(), kSegmentHeader.data(), kSegmentHeader.size()) != 0) {
    throw std::runtime_error("it is no segment file");
  }
  const std::span rows(reinterpret_cast<const std::uint64_t*>(bytes.data() + layout.rows), sidecar.rows);
  check_content(sidecar, rows);
  std::unique_ptr<const Approximation> approximation;
  if (sidecar.type != IndexType::kFlat) {
    try {
      approximation =
          read_approximation(name_of(sidecar.type), bytes.subspan(layout.approximation), sidecar.rows, sidecar.dimension, files.thresholds);
      // Single rows are looked at: reading ahead would fill the memory with their neighbours.
      ::madvise(const_cast<std::byte*>(bytes.data()), bytes.size(), MADV_RANDOM);
    } catch (const std::runtime_error& unreadable) {
      problem =
          with_file(file, std::string("its approximation cannot be read, so it is scanned until it has a new one: ") + unreadable.what());
    }
  }
  return std::make_shared<SealedSegment>(SegmentParts{.memory = map,
                                                      .rows = rows,
                                                      .vectors = reinterpret_cast<const float*>(bytes.data() + layout.vectors),
                                                      .dimension = sidecar.dimension,
                                                      .approximation = std::move(approximation),
                                                      .sequences = sidecar.sequences,
                                                      .file_number = sidecar.number,
                                                      .checksum = sidecar.checksum,
                                                      .mapped_bytes = bytes.size()});
}

}  // namespace

std::filesystem::path segment_path(const std::filesystem::path& directory, std::uint64_t number) {
  return file_path(directory, number, ".segment");
}

std::filesystem::path sidecar_path(const std::filesystem::path& directory, std::uint64_t number) {
  return file_path(directory, number, ".json");
}

std::optional<SegmentFileName> parse_segment_file_name(std::string_view name) {
  SegmentFileName parsed;
  const auto ends_in = [&](std::string_view suffix) {
    if (!name.ends_with(suffix)) return false;
    name.remove_suffix(suffix.size());
    return true;
  };
  parsed.temporary = ends_in(kTemporarySuffix);
  parsed.sidecar = ends_in(".json");
  if (!parsed.sidecar && !ends_in(".segment")) return std::nullopt;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), parsed.number);
  const bool digits = error == std::errc() && end == name.data() + name.size() && name.size() >= 6;
  if (!digits || parsed.number == 0 || parsed.number > kRowMax) return std::nullopt;
  // 0000007 is no name of ours.
  if (name.size() > 6 && name.front() == '0') return std::nullopt;
  return parsed;
}

std::shared_ptr<const SealedSegment> open_segment(const SegmentFiles& files, std::string& problem) {
  Sidecar sidecar;
  try {
    sidecar = checked_sidecar(files);
  } catch (const std::runtime_error& error) {
    throw BadSegmentError(with_file(files.sidecar, error.what()));
  }
  try {
    return map_segment(sidecar, files, problem);
  } catch (const std::runtime_error& error) {
    throw BadSegmentError(with_file(files.segment, error.what()));
  }
}

}  // namespace clipdex::index

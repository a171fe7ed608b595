#include "cli/numpy_file.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <regex>
#include <stdexcept>
#include <string>
#include <system_error>

namespace clipdex::cli {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr std::string_view kMagic("\x93NUMPY", 6);
constexpr std::size_t kHeaderBytesMax = 4096;  // NumPy writes 118; the regular expressions below recurse
constexpr std::size_t kElementsMax = std::size_t{1} << 31;

[[noreturn]] void fail(const std::filesystem::path& file, const std::string& what) {
  throw std::runtime_error("cannot read " + file.string() + ": " + what);
}

std::string read_exactly(std::ifstream& stream, std::size_t size, const std::filesystem::path& file) {
  std::string bytes(size, '\0');
  stream.read(bytes.data(), static_cast<std::streamsize>(size));
  if (!stream) fail(file, "it is truncated");
  return bytes;
}

std::vector<std::size_t> parse_shape(const std::string& header, const std::filesystem::path& file) {
  std::smatch match;
  if (!std::regex_search(header, match, std::regex(R"('descr'\s*:\s*'<f4')")))
    fail(file, "its numbers are not little-endian float32: convert them with .astype('<f4')");
  if (!std::regex_search(header, match, std::regex(R"('fortran_order'\s*:\s*False)")))
    fail(file, "it is not in C order: convert it with numpy.ascontiguousarray");
  if (!std::regex_search(header, match, std::regex(R"('shape'\s*:\s*\(([0-9, ]*)\))"))) fail(file, "it has no shape");
  const std::string numbers = match[1];
  std::vector<std::size_t> shape;
  const std::regex number("[0-9]{1,18}");
  for (std::sregex_iterator i(numbers.begin(), numbers.end(), number), end; i != end; ++i) shape.push_back(std::stoull(i->str()));
  return shape;
}

}  // namespace

NumpyArray read_numpy(const std::filesystem::path& file) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(file, error)) fail(file, error ? error.message() : "it is not a regular file");
  std::ifstream stream(file, std::ios::binary);
  if (!stream) fail(file, std::strerror(errno));
  const std::string start = read_exactly(stream, kMagic.size() + 2, file);
  if (!start.starts_with(kMagic)) fail(file, "it is not a .npy file");
  const int version = static_cast<unsigned char>(start[kMagic.size()]);
  if (version < 1 || version > 3) fail(file, "its version " + std::to_string(version) + " is not known");
  const std::string length = read_exactly(stream, version == 1 ? 2 : 4, file);
  std::uint32_t header_bytes = 0;
  std::memcpy(&header_bytes, length.data(), length.size());
  if (header_bytes > kHeaderBytesMax) fail(file, "its header is too large");
  NumpyArray array{.shape = parse_shape(read_exactly(stream, header_bytes, file), file), .values = {}};
  std::size_t elements = 1;
  for (const auto size : array.shape) {
    if (size != 0 && elements > kElementsMax / size) fail(file, "it is too large");
    elements *= size;
  }
  const auto left = std::filesystem::file_size(file) - static_cast<std::uintmax_t>(stream.tellg());
  if (left < elements * sizeof(float)) fail(file, "it is truncated");
  array.values.resize(elements);
  stream.read(reinterpret_cast<char*>(array.values.data()), static_cast<std::streamsize>(elements * sizeof(float)));
  if (!stream) fail(file, "it cannot be read");
  return array;
}

namespace {

// Magic, version 1, length and dictionary; at least `bytes_min`, of which the rest is spaces.
std::string header_text(std::span<const std::size_t> shape, std::size_t bytes_min) {
  std::string sizes;
  for (const auto size : shape) sizes += std::to_string(size) + ", ";
  std::string dictionary = "{'descr': '<f4', 'fortran_order': False, 'shape': (" + sizes + "), }";
  constexpr std::size_t kAlignment = 64;
  const std::size_t prefix = kMagic.size() + 2 + 2;
  const std::size_t bytes = std::max(bytes_min, (prefix + dictionary.size() + 1 + kAlignment - 1) / kAlignment * kAlignment);
  dictionary.append(bytes - prefix - dictionary.size() - 1, ' ');
  dictionary += '\n';
  std::string header(kMagic);
  header += {'\x01', '\0', static_cast<char>(dictionary.size() & 0xFF), static_cast<char>(dictionary.size() >> 8)};
  return header + dictionary;
}

}  // namespace

void write_numpy(const std::filesystem::path& file, std::span<const std::size_t> shape, std::span<const float> values) {
  std::ofstream stream(file, std::ios::binary);
  stream << header_text(shape, 0);
  stream.write(reinterpret_cast<const char*>(values.data()), static_cast<std::streamsize>(values.size_bytes()));
  stream.flush();
  if (!stream) throw std::runtime_error("cannot write " + file.string() + ": " + std::strerror(errno));
}

NumpyRows::NumpyRows(const std::filesystem::path& file, std::size_t columns)
    : file_(file), stream_(file, std::ios::binary | std::ios::trunc), columns_(columns) {
  write_header();
}

void NumpyRows::append(std::span<const float> row) {
  if (row.size() != columns_) throw std::logic_error("a row of another length");
  stream_.write(reinterpret_cast<const char*>(row.data()), static_cast<std::streamsize>(row.size_bytes()));
  ++rows_;
  check();
}

void NumpyRows::finish() {
  stream_.seekp(0);
  write_header();
  stream_.flush();
  check();
}

// Of the same size whatever the number of rows.
void NumpyRows::write_header() {
  constexpr std::size_t kBytes = 128;
  stream_ << header_text(std::array{rows_, columns_}, kBytes);
  check();
}

void NumpyRows::check() const {
  if (!stream_) throw std::runtime_error("cannot write " + file_.string() + ": " + std::strerror(errno));
}

}  // namespace clipdex::cli

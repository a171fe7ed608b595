#include "index/sidecar.h"

#include <faiss/Index.h>

#include <array>
#include <charconv>
#include <fstream>
#include <nlohmann/json.hpp>
#include <span>
#include <stdexcept>

#include "index/durable_file.h"

namespace clipdex::index {
namespace {

using nlohmann::json;

constexpr std::size_t kBytesMax = std::size_t{64} * 1024;
constexpr int kDepthMax = 8;
constexpr std::size_t kValuesMax = 1000;

std::string hex(std::uint64_t value) {
  std::array<char, 17> text{};
  const auto end = std::to_chars(text.data(), text.data() + 16, value, 16).ptr;
  std::string digits(text.data(), end);
  return std::string(16 - digits.size(), '0') + digits;
}

std::uint64_t from_hex(const std::string& text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc() || end != text.data() + text.size() || text.size() != 16) throw std::runtime_error("a checksum is malformed");
  return value;
}

// Of everything but itself, in the one way in which this library writes it.
std::string own_checksum(json document) {
  document.erase("sidecar_xxh3");
  const std::string text = document.dump(-1, ' ', false, json::error_handler_t::replace);
  return hex(checksum(std::as_bytes(std::span(text))));
}

json parse(std::string_view text) {
  if (text.size() > kBytesMax) throw std::runtime_error("it has over " + std::to_string(kBytesMax) + " bytes");
  std::size_t values = 0;
  const auto limit = [&](int depth, json::parse_event_t, const json&) {
    if (depth > kDepthMax || ++values > kValuesMax) throw std::runtime_error("its JSON is nested too deep or has too many values");
    return true;
  };
  return json::parse(text, limit);
}

std::uint64_t number(const json& document, const char* key, std::uint64_t most) {
  const auto& value = document.at(key);
  if (!value.is_number_unsigned() || value.get<std::uint64_t>() > most) throw std::runtime_error(std::string(key) + " is impossible");
  return value.get<std::uint64_t>();
}

Sidecar from_json(const json& document) {
  if (!document.is_object()) throw std::runtime_error("it is no JSON object");
  const auto version = number(document, "format_version", kRowMax);
  if (version != kSegmentFormatVersion) {
    throw std::runtime_error("its format has version " + std::to_string(version) + ", and this program reads version " +
                             std::to_string(kSegmentFormatVersion));
  }
  if (document.at("sidecar_xxh3").get<std::string>() != own_checksum(document)) throw std::runtime_error("its checksum is wrong");
  Sidecar sidecar{.number = number(document, "segment", kRowMax),
                  .range = {number(document, "first_row", kRowMax), number(document, "last_row", kRowMax)},
                  .sequences = {number(document, "first_sequence", UINT64_MAX), number(document, "last_sequence", UINT64_MAX)},
                  .rows = number(document, "rows", kRowMax),
                  .dimension = number(document, "dimension", kDimensionMax),
                  .fingerprint = document.at("fingerprint").get<std::string>(),
                  .type = index_type_of(document.at("type").get<std::string>()).value_or(IndexType::kAuto),
                  .build = document.at("build").dump(),
                  .file_bytes = number(document, "file_bytes", kRowMax),
                  .checksum = from_hex(document.at("file_xxh3").get<std::string>())};
  const bool rows_fit = sidecar.range.first <= sidecar.range.last && sidecar.rows - 1 <= sidecar.range.last - sidecar.range.first;
  if (sidecar.rows == 0 || !rows_fit) throw std::runtime_error("its rows are impossible");
  if (sidecar.dimension == 0 || sidecar.type == IndexType::kAuto) throw std::runtime_error("its dimension or its type is impossible");
  return sidecar;
}

}  // namespace

std::string format_sidecar(const Sidecar& sidecar) {
  json document{{"format_version", kSegmentFormatVersion},
                {"segment", sidecar.number},
                {"first_row", sidecar.range.first},
                {"last_row", sidecar.range.last},
                {"first_sequence", sidecar.sequences.first},
                {"last_sequence", sidecar.sequences.last},
                {"rows", sidecar.rows},
                {"dimension", sidecar.dimension},
                {"fingerprint", sidecar.fingerprint},
                {"type", name_of(sidecar.type)},
                {"build", json::parse(sidecar.build)},
                {"faiss_version", std::to_string(FAISS_VERSION_MAJOR) + "." + std::to_string(FAISS_VERSION_MINOR) + "." +
                                      std::to_string(FAISS_VERSION_PATCH)},
                {"file_bytes", sidecar.file_bytes},
                {"file_xxh3", hex(sidecar.checksum)}};
  document["sidecar_xxh3"] = own_checksum(document);
  return document.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

Sidecar parse_sidecar(std::string_view text) {
  try {
    return from_json(parse(text));
  } catch (const json::exception& error) {
    throw std::runtime_error(std::string("it is damaged, or no sidecar (") + error.what() + ")");
  }
}

Sidecar read_sidecar(const std::filesystem::path& file) {
  std::error_code error;
  if (!std::filesystem::exists(file, error)) throw std::runtime_error("it is missing");
  if (!std::filesystem::is_regular_file(file, error)) throw std::runtime_error("it is not a regular file");
  std::ifstream stream(file, std::ios::binary);
  std::string text(kBytesMax + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (stream.bad()) throw std::runtime_error("it cannot be read");
  text.resize(static_cast<std::size_t>(stream.gcount()));
  return parse_sidecar(text);
}

}  // namespace clipdex::index

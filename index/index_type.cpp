#include "index/index_type.h"

#include <array>
#include <utility>

namespace clipdex::index {
namespace {

constexpr std::array<std::pair<IndexType, std::string_view>, 4> kNames{
    {{IndexType::kAuto, "auto"}, {IndexType::kFlat, "flat"}, {IndexType::kHnsw, "hnsw"}, {IndexType::kIvfPq, "ivf_pq"}}};

}  // namespace

std::string_view name_of(IndexType type) {
  for (const auto& [known, name] : kNames) {
    if (known == type) return name;
  }
  return "unknown";
}

std::optional<IndexType> index_type_of(std::string_view name) {
  for (const auto& [type, known] : kNames) {
    if (known == name) return type;
  }
  return std::nullopt;
}

}  // namespace clipdex::index

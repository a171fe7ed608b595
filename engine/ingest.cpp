#include "engine/ingest.h"

#include <array>
#include <utility>

namespace clipdex::engine {
namespace {

constexpr std::array<std::pair<IngestStatus, std::string_view>, 4> kNames = {{{IngestStatus::kCreated, "created"},
                                                                              {IngestStatus::kUpdated, "updated"},
                                                                              {IngestStatus::kUnchanged, "unchanged"},
                                                                              {IngestStatus::kFailed, "failed"}}};

}  // namespace

std::string_view ingest_status_name(IngestStatus status) {
  for (const auto& [value, name] : kNames) {
    if (value == status) return name;
  }
  return "failed";
}

std::optional<IngestStatus> ingest_status_from_name(std::string_view name) {
  for (const auto& [value, known] : kNames) {
    if (known == name) return value;
  }
  return std::nullopt;
}

}  // namespace clipdex::engine

// Snapshots of a data directory: made under load, restored elsewhere.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string_view>

namespace clipdex::engine {

class Engine;

struct SnapshotInfo {
  std::size_t collections = 0;
  std::uint64_t images = 0;
  std::uint64_t bytes = 0;  // of files; those made by hard links take room only once
  double milliseconds = 0;
};

// The end of the name of a directory that a snapshot is being made in.
inline constexpr std::string_view kBeingMade = ".making";

// Where a data directory keeps its snapshots.
std::filesystem::path snapshots_folder(const std::filesystem::path& data_directory);

// Copies a snapshot's collections to a new data directory, which an Engine then opens. Files are copied, so that neither changes with the
// other; every index file's checksum is verified when it is opened. Throws std::invalid_argument if there is no snapshot, or the data
// directory is not empty, DiskFullError, std::runtime_error; what was begun is removed then.
SnapshotInfo restore_snapshot(const std::filesystem::path& snapshot, const std::filesystem::path& data_directory);

// What Engine::create_snapshot() does, which lets one at a time do it.
SnapshotInfo make_snapshot(Engine& engine, const std::filesystem::path& directory);

}  // namespace clipdex::engine

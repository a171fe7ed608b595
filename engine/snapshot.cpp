#include "engine/snapshot.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <system_error>

#include "engine/crash_point.h"
#include "engine/durable_files.h"
#include "engine/engine.h"
#include "engine/errors.h"

namespace clipdex::engine {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSnapshotFile = "snapshot.json";
constexpr int kSnapshotFormat = 1;

// What a snapshot's description says. Throws std::invalid_argument if the directory is none.
SnapshotInfo read_description(const fs::path& snapshot) {
  std::ifstream file(snapshot / kSnapshotFile);
  const auto json = nlohmann::json::parse(file, /*callback=*/nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("format")) {
    throw std::invalid_argument(snapshot.string() + " is no snapshot: it has no readable " + std::string(kSnapshotFile) +
                                " (made by \"clipdex snapshot create\")");
  }
  if (json["format"] != kSnapshotFormat)
    throw std::invalid_argument(snapshot.string() + " has a snapshot format that this clipdex does not read: use the version that made it");
  SnapshotInfo info;
  info.collections = json.value("collections", std::size_t{0});
  info.images = json.value("images", std::uint64_t{0});
  return info;
}

void check_target(const fs::path& directory) {
  std::error_code error;
  if (!fs::exists(directory, error)) return;
  if (!fs::is_directory(directory, error)) throw std::invalid_argument(directory.string() + " is not a directory");
  if (!fs::is_empty(directory, error) || error)
    throw std::invalid_argument(directory.string() + " is not empty: name a new directory to restore to");
}

// Copies one file and makes its contents durable.
void copy_durably(const fs::path& from, const fs::path& to) {
  fs::copy_file(from, to);
  const int descriptor = ::open(to.c_str(), O_RDONLY | O_CLOEXEC);
  const bool synced = descriptor >= 0 && ::fsync(descriptor) == 0;
  const int error = errno;
  if (descriptor >= 0) ::close(descriptor);
  if (!synced) throw fs::filesystem_error("cannot sync", to, std::error_code(error, std::generic_category()));
}

std::uint64_t copy_tree(const fs::path& from, const fs::path& to) {
  std::uint64_t bytes = 0;
  fs::create_directories(to);
  for (const auto& entry : fs::directory_iterator(from)) {
    const auto target = to / entry.path().filename();
    if (entry.is_directory()) {
      bytes += copy_tree(entry.path(), target);
    } else if (entry.is_regular_file()) {
      copy_durably(entry.path(), target);
      bytes += entry.file_size();
    }
  }
  sync_directory(to);
  return bytes;
}

// Without a slash at its end, so that a name beside it can be made of it.
fs::path as_file_name(const fs::path& directory) {
  auto path = fs::absolute(directory).lexically_normal();
  return path.has_filename() ? path : path.parent_path();
}

}  // namespace

fs::path snapshots_folder(const fs::path& data_directory) { return data_directory / "snapshots"; }

SnapshotInfo restore_snapshot(const fs::path& snapshot, const fs::path& to) {
  const auto data_directory = as_file_name(to);
  const auto begin = std::chrono::steady_clock::now();
  auto info = read_description(snapshot);
  check_target(data_directory);
  const bool existed = fs::exists(data_directory);
  // Built beside, then renamed: a data directory is there whole or not at all.
  const auto partial = fs::path(data_directory).concat(".restoring");
  std::error_code ignored;
  try {
    fs::remove_all(partial);
    info.bytes = copy_tree(snapshot / "collections", partial / "collections");
    const auto copied = static_cast<std::size_t>(std::distance(fs::directory_iterator(partial / "collections"), fs::directory_iterator()));
    if (copied != info.collections) {
      throw std::invalid_argument(snapshot.string() + " has " + std::to_string(copied) + " collections, and its description says " +
                                  std::to_string(info.collections) + ": it was not copied whole");
    }
    sync_directory(partial);
    if (existed) fs::remove(data_directory);
    fs::rename(partial, data_directory);
    sync_directory(fs::absolute(data_directory).parent_path());
  } catch (const fs::filesystem_error& error) {
    fs::remove_all(partial, ignored);
    fail_as_disk("the snapshot cannot be restored to " + data_directory.string(), error, "Free some space, or name another disk");
  } catch (...) {
    fs::remove_all(partial, ignored);
    throw;
  }
  info.milliseconds = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
  return info;
}

SnapshotInfo make_snapshot(Engine& engine, const fs::path& to) {
  const auto directory = as_file_name(to);
  const auto begin = std::chrono::steady_clock::now();
  if (fs::exists(directory)) throw ConflictError(directory.string() + " exists already: a snapshot makes its own directory");
  if (const auto bad = engine.unusable_collections(); !bad.empty()) {
    throw ConflictError("the collection \"" + bad.front().name +
                        "\" cannot be opened, so it cannot be in the snapshot: drop it or mend it first (" + bad.front().reason + ")");
  }
  SnapshotInfo info;
  const auto partial = fs::path(directory).concat(kBeingMade);
  std::error_code ignored;
  fs::remove_all(partial, ignored);
  try {
    fs::create_directories(partial / "collections");
    for (const auto& collection : engine.collections()) {
      info.images += collection->copy_to(partial / "collections" / collection->name());
      ++info.collections;
    }
    info.bytes = tree_bytes(partial);
    write_file(
        partial / kSnapshotFile,
        nlohmann::json{{"format", kSnapshotFormat},
                       {"collections", info.collections},
                       {"images", info.images},
                       {"model", engine.encoder().info().name},
                       {"model_fingerprint", engine.encoder().info().fingerprint},
                       {"created_ms",
                        std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count()}}
                .dump(2) +
            "\n");
    sync_tree(partial);
    crash_point("snapshot: complete");
    fs::rename(partial, directory);
    sync_directory(fs::absolute(directory).parent_path());
    crash_point("snapshot: in place");
  } catch (const fs::filesystem_error& error) {
    fs::remove_all(partial, ignored);
    fail_as_disk("the snapshot cannot be made in " + directory.string(), error);
  } catch (...) {
    fs::remove_all(partial, ignored);
    throw;
  }
  info.milliseconds = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
  return info;
}

}  // namespace clipdex::engine

// Files of data directories and snapshots, made durable. Private to engine/.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

namespace clipdex::engine {

// The entries of a directory. Throws std::runtime_error.
void sync_directory(const std::filesystem::path& directory);
// Every directory below, and itself.
void sync_tree(const std::filesystem::path& directory);

// A new file with this content, durable. Throws std::filesystem::filesystem_error.
void write_file(const std::filesystem::path& path, std::string_view content);

// Of all files below.
std::uint64_t tree_bytes(const std::filesystem::path& directory);

}  // namespace clipdex::engine

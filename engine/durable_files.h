// Files of data directories and snapshots, made durable. Private to engine/.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace clipdex::engine {

// What went wrong with a file, as callers know it: DiskFullError where the disk is full, else std::runtime_error. `what` is the beginning
// of a sentence that ends in the cause.
[[noreturn]] void fail_as_disk(const std::string& what, const std::filesystem::filesystem_error& error,
                               const std::string& remedy = "Free some space");

// The entries of a directory. Throws std::filesystem::filesystem_error.
void sync_directory(const std::filesystem::path& directory);
// Every directory below, and itself.
void sync_tree(const std::filesystem::path& directory);

// A new file with this content, durable. Throws std::filesystem::filesystem_error.
void write_file(const std::filesystem::path& path, std::string_view content);

// Of all files below.
std::uint64_t tree_bytes(const std::filesystem::path& directory);

}  // namespace clipdex::engine

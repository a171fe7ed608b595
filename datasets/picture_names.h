// Which files are taken for what, where their names decide.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace clipdex::datasets {

// The endings of picture files, for sentences: ".jpg, .jpeg, ...".
std::string picture_extensions();

// Whether a name ends as those of pictures do, in upper or lower case.
bool has_picture_ending(const std::filesystem::path& name);

// Whether a name ends as those of archives do: .tar, .tar.gz, .tgz, .tar.zst.
bool is_tar_name(std::string_view name);

}  // namespace clipdex::datasets

// The error of a disk without room.
#pragma once

#include <system_error>

namespace clipdex::index {

// The disk (or the quota) is full; what() names the file.
class DiskFullError : public std::system_error {
 public:
  using std::system_error::system_error;
};

}  // namespace clipdex::index

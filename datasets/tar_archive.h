// A tar archive as a stream of members. The only place that knows libarchive.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

namespace clipdex::datasets {

struct TarMember {
  std::string name;      // any bytes
  bool is_file = false;  // a regular one, with bytes of its own
  bool is_link = false;  // symbolic or hard
};

// The archive cannot be read on from where it is.
class TarError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Plain, or compressed with gzip or zstd. One thread at a time. Every call throws TarError with the reason and the offset.
class TarArchive {
 public:
  explicit TarArchive(const std::filesystem::path& path);
  ~TarArchive();
  TarArchive(const TarArchive&) = delete;
  TarArchive& operator=(const TarArchive&) = delete;

  // The next member, whose bytes need not be read. Nothing at the end.
  std::optional<TarMember> next();
  // The current member's bytes. Nothing if there are more than `bytes_max`, whatever its header says.
  std::optional<std::string> read(std::size_t bytes_max);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace clipdex::datasets

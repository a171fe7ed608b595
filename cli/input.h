// What an ingest takes, one by one, wherever it comes from.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

namespace clipdex::cli {

// A picture with what is known of it, or the reason why there is none.
struct Input {
  std::string where;              // for people and programs to find it: a path, "DIR/shard.tar/KEY.jpg", "list.csv:7"
  std::string source;             // for the record
  std::optional<std::string> id;  // without one, the content hash
  std::string bytes;
  std::optional<std::string> metadata;  // a JSON object
  std::string error_code, error;        // set if there is nothing to ingest
};

enum class IdFrom { kPath, kHash };

// One thread at a time.
class InputSource {
 public:
  virtual ~InputSource() = default;
  // Nothing at the end. What is wrong with an input is in it; what is wrong with the source too, as its last one.
  virtual std::optional<Input> next() = 0;
  // How many there will be, where that is known before they are read.
  virtual std::optional<std::size_t> count() const { return std::nullopt; }
};

}  // namespace clipdex::cli

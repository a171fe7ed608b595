// XXH3-128 of bytes that come in parts.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

namespace clipdex::encoder {

class ContentHash {
 public:
  ContentHash();
  ~ContentHash();
  ContentHash(const ContentHash&) = delete;
  ContentHash& operator=(const ContentHash&) = delete;

  void add(std::span<const std::byte> bytes);
  // 32 hex digits: the same however the bytes were parted.
  std::string text() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace clipdex::encoder

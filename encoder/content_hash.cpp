#include "encoder/content_hash.h"

#include <xxhash.h>

#include <new>

namespace clipdex::encoder {

struct ContentHash::State {
  State() : hash(::XXH3_createState()) {
    if (hash == nullptr) throw std::bad_alloc();
    ::XXH3_128bits_reset(hash);
  }
  ~State() { ::XXH3_freeState(hash); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  XXH3_state_t* hash;
};

ContentHash::ContentHash() : state_(std::make_unique<State>()) {}
ContentHash::~ContentHash() = default;

void ContentHash::add(std::span<const std::byte> bytes) { ::XXH3_128bits_update(state_->hash, bytes.data(), bytes.size()); }

std::string ContentHash::text() const {
  XXH128_canonical_t canonical;
  ::XXH128_canonicalFromHash(&canonical, ::XXH3_128bits_digest(state_->hash));
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const unsigned char byte : canonical.digest) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

}  // namespace clipdex::encoder

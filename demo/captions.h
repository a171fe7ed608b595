// What a person might type to find a scene.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "demo/emoji_set.h"
#include "demo/hold_out.h"
#include "demo/random.h"
#include "demo/scene.h"

namespace clipdex::demo {

// Safe to use from many threads; each brings its own Random.
class Captions {
 public:
  Captions(const EmojiSet& set, const HoldOut& hold_out) : set_(set), hold_out_(hold_out) {}

  // Up to `count` different ones in one language, the first of which says what is there; of a single emoji the others may also be keywords.
  // None has a held-out phrase. Empty if the language has no name for one of the emoji.
  std::vector<std::string> of(const Scene& scene, std::size_t language, int count, Random& random) const;

 private:
  std::string single(const Scene& scene, std::size_t language, bool keywords, Random& random) const;
  std::string composed(const Scene& scene, std::size_t language, Random& random) const;

  const EmojiSet& set_;
  const HoldOut& hold_out_;
};

}  // namespace clipdex::demo

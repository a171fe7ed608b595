// What a picture shows, before it is drawn.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "demo/colors.h"
#include "demo/emoji_set.h"
#include "demo/random.h"

namespace clipdex::demo {

// In thousandths of the picture's side: a scene is the same at any size in pixels.
inline constexpr int kUnits = 1000;

struct Box {
  int left = 0, top = 0, side = 0;
};

struct Background {
  enum class Pattern { kPlain, kGradient, kTwoTone };
  Pattern pattern = Pattern::kPlain;
  Rgb first{255, 255, 255}, second{255, 255, 255};  // from left to right, or from the top down
  bool downwards = false;
  std::optional<std::size_t> color;  // of kColors, if a person would name it
};

enum class Arrangement {
  kSingle,
  kTogether,  // anyhow
  kLeftRight,
  kAboveBelow,
  kBigSmall,
};

// Some copies of one emoji.
struct Group {
  std::size_t emoji = 0;
  int count = 1;
  std::vector<Box> boxes{};  // one a copy
};

// With kLeftRight the first group is on the left, with kAboveBelow above, with kBigSmall it is the big one.
struct Scene {
  enum class Size { kUnsaid, kBig, kSmall };
  Arrangement arrangement = Arrangement::kSingle;
  std::vector<Group> groups;
  Size size = Size::kUnsaid;  // of a single emoji
  Background background;
};

// Makes scenes at random. Safe to use from many threads; each brings its own Random.
class SceneMaker {
 public:
  static constexpr int kSinglePercentLeast = 35;

  // training: no scene has a pair that is held out.
  SceneMaker(const EmojiSet& set, bool training);

  // percent_least: of the picture's side; the most is 90.
  Scene single(std::size_t emoji, Random& random, int percent_least = kSinglePercentLeast) const;
  // Of two, side by side or anyhow.
  Scene pair(std::size_t first, std::size_t second, Random& random) const;
  // Of anything but a single one.
  Scene any(Random& random) const;

 private:
  std::size_t companion(const std::vector<Group>& of, Random& random) const;
  std::size_t countable(Random& random) const;
  void finish(Scene& scene, Random& random, int single_percent_least = kSinglePercentLeast) const;

  const EmojiSet& set_;
  bool training_;
  std::vector<std::size_t> countable_;
  std::vector<std::vector<bool>> visible_;  // [emoji][color]
};

}  // namespace clipdex::demo

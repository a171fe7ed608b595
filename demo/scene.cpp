#include "demo/scene.h"

#include <algorithm>
#include <cstdlib>

#include "demo/english.h"
#include "demo/hold_out.h"
#include "demo/layout.h"

namespace clipdex::demo {
namespace {

int distance(const Rgb& color, const std::uint8_t* pixel) {
  return std::abs(color.red - pixel[0]) + std::abs(color.green - pixel[1]) + std::abs(color.blue - pixel[2]);
}

// Whether a fair part of the emoji stands out from the colour: a black bird on black is no picture of a bird.
bool stands_out(const encoder::Image& picture, const Rgb& color) {
  constexpr int kDistanceMin = 130, kPartMin = 35;  // over three channels; percent
  int opaque = 0, distinct = 0;
  for (std::size_t at = 0; at < picture.pixels.size(); at += 4) {
    if (picture.pixels[at + 3] < 128) continue;
    ++opaque;
    if (distance(color, &picture.pixels[at]) >= kDistanceMin) ++distinct;
  }
  return distinct * 100 >= opaque * kPartMin;
}

std::uint8_t moved(int value, int by) { return static_cast<std::uint8_t>(std::clamp(value + by, 0, 255)); }

Rgb jittered(const Rgb& color, int most, Random& random) {
  const int all = random.between(-most, most), own = most / 2;
  return {moved(color.red, all + random.between(-own, own)), moved(color.green, all + random.between(-own, own)),
          moved(color.blue, all + random.between(-own, own))};
}

Background random_background(Random& random) {
  Background background;
  const bool named = random.chance(45);
  if (named) {
    background.color = static_cast<std::size_t>(random.below(static_cast<int>(kColorCount)));
    // White and black end where grey begins; the other colours have more room.
    const bool extreme = *background.color == kWhite || *background.color == 8;
    background.first = jittered(kColors[*background.color], extreme ? 7 : 16, random);
  } else {
    // A pale tint that nobody would name.
    const auto pale = [&random] { return static_cast<std::uint8_t>(random.between(205, 255)); };
    background.first = {pale(), pale(), pale()};
  }
  const int kind = random.below(100);
  background.pattern = kind < 60 ? Background::Pattern::kPlain : kind < 85 ? Background::Pattern::kGradient : Background::Pattern::kTwoTone;
  background.downwards = random.chance(60);
  background.second = background.pattern == Background::Pattern::kPlain ? background.first : jittered(background.first, 14, random);
  return background;
}

}  // namespace

SceneMaker::SceneMaker(const EmojiSet& set, bool training) : set_(set), training_(training) {
  for (std::size_t emoji = 0; emoji < set.emoji.size(); ++emoji) {
    if (is_countable(set.emoji[emoji].english.name)) countable_.push_back(emoji);
    std::vector<bool> visible;
    visible.reserve(kColorCount);
    for (const auto& color : kColors) visible.push_back(stands_out(set.emoji[emoji].picture, color));
    visible_.push_back(std::move(visible));
  }
}

std::size_t SceneMaker::countable(Random& random) const { return random.among(countable_); }

// Another emoji, which may stand beside those that are there.
std::size_t SceneMaker::companion(const std::vector<Group>& of, Random& random) const {
  for (;;) {
    const auto emoji = static_cast<std::size_t>(random.below(static_cast<int>(set_.emoji.size())));
    const bool fits = std::none_of(of.begin(), of.end(), [&](const Group& group) {
      return group.emoji == emoji || (training_ && HoldOut::is_pair_held_out(set_.emoji[group.emoji], set_.emoji[emoji]));
    });
    if (fits) return emoji;
  }
}

void SceneMaker::finish(Scene& scene, Random& random, int single_percent_least) const {
  place(scene, single_percent_least, random);
  // What is pale is seen on a pale tint as it is on white.
  const auto fits = [&](const Background& background) {
    return std::all_of(scene.groups.begin(), scene.groups.end(),
                       [&](const Group& group) { return visible_[group.emoji][background.color.value_or(kWhite)]; });
  };
  constexpr int kAttempts = 30;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    scene.background = random_background(random);
    if (fits(scene.background)) return;
  }
}

Scene SceneMaker::single(std::size_t emoji, Random& random, int percent_least) const {
  Scene scene{.arrangement = Arrangement::kSingle, .groups = {{.emoji = emoji}}};
  finish(scene, random, percent_least);
  return scene;
}

Scene SceneMaker::pair(std::size_t first, std::size_t second, Random& random) const {
  const int kind = random.below(100);
  Scene scene{.arrangement = kind < 50   ? Arrangement::kTogether
                             : kind < 75 ? Arrangement::kLeftRight
                                         : Arrangement::kAboveBelow,
              .groups = {{.emoji = first}, {.emoji = second}}};
  finish(scene, random);
  return scene;
}

Scene SceneMaker::any(Random& random) const {
  const int kind = random.below(100);
  std::vector<Group> groups;
  if (kind < 55) {  // two
    groups.push_back({.emoji = companion({}, random)});
    return pair(groups[0].emoji, companion(groups, random), random);
  }
  Scene scene{.arrangement = Arrangement::kTogether};
  if (kind < 72) {  // several of one
    groups.push_back({.emoji = countable(random), .count = random.between(2, 4)});
  } else if (kind < 80) {  // several of one, and another
    groups.push_back({.emoji = countable(random), .count = random.between(2, 3)});
    groups.push_back({.emoji = companion(groups, random)});
  } else if (kind < 92) {  // three
    for (int i = 0; i < 3; ++i) groups.push_back({.emoji = companion(groups, random)});
  } else {  // a big one and a small one
    scene.arrangement = Arrangement::kBigSmall;
    groups.push_back({.emoji = countable(random)});
    groups.push_back({.emoji = companion(groups, random)});
  }
  scene.groups = std::move(groups);
  finish(scene, random);
  return scene;
}

}  // namespace clipdex::demo

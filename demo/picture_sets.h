// The sets of pictures that can be made, and which pictures each has.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "demo/emoji_set.h"
#include "demo/scene.h"

namespace clipdex::demo {

enum class SetKind {
  kTraining,  // singles and scenes without what is held out
  kSingles,   // each emoji once, by its name
  kPairs,     // scenes of two emoji, each pair held out
  kKeywords,  // singles with a held-out keyword phrase that fits no other emoji
  kGallery,   // each emoji once, then scenes: for the demo
};

// Throws std::invalid_argument, which lists the names.
SetKind set_kind(std::string_view name);

struct SetOptions {
  SetKind kind = SetKind::kGallery;
  std::uint64_t seed = 1;
  std::size_t count = 0;    // pictures; 0: the kind's own
  int scenes_percent = 50;  // of a training set
  int captions = 2;         // a language and picture, of a training set; the others have one
};

// A picture and what is said of it.
struct Picture {
  std::string key;  // ASCII, without a dot; unique in the set
  Scene scene;
  std::vector<std::vector<std::string>> captions;  // [language]; none where CLDR lacks a name, or there is no phrase
};

// Safe to use from many threads.
class PictureSet {
 public:
  // The emoji stay the caller's and must outlive the set. Throws std::invalid_argument for a count that the kind cannot have.
  PictureSet(const EmojiSet& emoji, const SetOptions& options);
  ~PictureSet();
  PictureSet(const PictureSet&) = delete;
  PictureSet& operator=(const PictureSet&) = delete;

  std::size_t size() const;
  // A function of the options and the number alone, whatever was asked before.
  Picture picture(std::size_t number) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace clipdex::demo

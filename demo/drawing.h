// A scene as pixels.
#pragma once

#include "demo/emoji_set.h"
#include "demo/scene.h"
#include "encoder/image.h"

namespace clipdex::demo {

// RGB, side x side pixels. In whole numbers alone: the same on every platform. Any thread may call it.
encoder::Image draw(const Scene& scene, const EmojiSet& set, int side);

}  // namespace clipdex::demo

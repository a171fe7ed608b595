// Where the emoji of a scene stand.
#pragma once

#include "demo/random.h"
#include "demo/scene.h"

namespace clipdex::demo {

// Fills every group's boxes, which do not overlap and lie in the picture, and sets the size of a single, which takes at least
// `single_percent_least` of the picture's side.
void place(Scene& scene, int single_percent_least, Random& random);

}  // namespace clipdex::demo

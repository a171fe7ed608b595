#include "demo/layout.h"

#include <algorithm>

namespace clipdex::demo {
namespace {

struct Area {
  int left, top, width, height;
};

// At random within the area; least and most in percent of its shorter side.
Box box_in(const Area& area, int least, int most, Random& random) {
  const int shorter = std::min(area.width, area.height);
  const int side = shorter * random.between(least, most) / 100;
  return {.left = area.left + random.between(0, area.width - side), .top = area.top + random.between(0, area.height - side), .side = side};
}

void place_single(Scene& scene, int percent_least, Random& random) {
  const Box box = box_in({0, 0, kUnits, kUnits}, percent_least, 90, random);
  constexpr int kBigFrom = 780, kSmallTo = 430;
  if (box.side >= kBigFrom) scene.size = Scene::Size::kBig;
  if (box.side <= kSmallTo) scene.size = Scene::Size::kSmall;
  scene.groups[0].boxes = {box};
}

void place_in_halves(Scene& scene, bool beside, Random& random) {
  // Uneven halves, so that not every left one ends in the middle.
  const int cut = random.between(430, 570);
  const Area first = beside ? Area{0, 0, cut, kUnits} : Area{0, 0, kUnits, cut};
  const Area second = beside ? Area{cut, 0, kUnits - cut, kUnits} : Area{0, cut, kUnits, kUnits - cut};
  // In the middle two thirds of the other direction: what is on the left is not also far above.
  const auto in_the_middle = [beside](Area area) {
    constexpr int kMargin = kUnits / 6;
    if (beside) return Area{area.left, kMargin, area.width, kUnits - 2 * kMargin};
    return Area{kMargin, area.top, kUnits - 2 * kMargin, area.height};
  };
  scene.groups[0].boxes = {box_in(in_the_middle(first), 72, 98, random)};
  scene.groups[1].boxes = {box_in(in_the_middle(second), 72, 98, random)};
}

void place_big_and_small(Scene& scene, Random& random) {
  const int side = random.between(560, 660);
  const bool right = random.chance(50), below = random.chance(50);
  const int rest = kUnits - side;
  scene.groups[0].boxes = {{.left = right ? rest : 0, .top = below ? rest : 0, .side = side}};
  // The small one in the strip beside the big one.
  const bool strip_is_column = random.chance(50);
  const Area strip = strip_is_column ? Area{right ? 0 : side, 0, rest, kUnits} : Area{0, below ? 0 : side, kUnits, rest};
  scene.groups[1].boxes = {box_in(strip, 55, 75, random)};
}

// One to six in the cells of a grid.
void place_in_grid(Scene& scene, int count, Random& random) {
  int columns = count <= 1 ? 1 : count <= 4 ? 2 : 3, rows = count <= 2 ? 1 : 2;
  if (count <= 2 && random.chance(30)) columns = rows = 2;
  if (count == 3 && random.chance(25)) columns = 3, rows = 1;
  if (random.chance(50)) std::swap(columns, rows);
  std::vector<Area> cells;
  for (int row = 0; row < rows; ++row) {
    for (int column = 0; column < columns; ++column)
      cells.push_back({column * kUnits / columns, row * kUnits / rows, kUnits / columns, kUnits / rows});
  }
  random.shuffle(cells);
  // Copies of one emoji are of much the same size.
  std::size_t next = 0;
  for (auto& group : scene.groups) {
    const int least = random.between(65, 88);
    for (int copy = 0; copy < group.count; ++copy) group.boxes.push_back(box_in(cells[next++], least, least + 10, random));
  }
}

}  // namespace

void place(Scene& scene, int single_percent_least, Random& random) {
  int count = 0;
  for (const auto& group : scene.groups) count += group.count;
  switch (scene.arrangement) {
    case Arrangement::kSingle:
      return place_single(scene, single_percent_least, random);
    case Arrangement::kLeftRight:
      return place_in_halves(scene, /*beside=*/true, random);
    case Arrangement::kAboveBelow:
      return place_in_halves(scene, /*beside=*/false, random);
    case Arrangement::kBigSmall:
      return place_big_and_small(scene, random);
    case Arrangement::kTogether:
      return place_in_grid(scene, count, random);
  }
}

}  // namespace clipdex::demo

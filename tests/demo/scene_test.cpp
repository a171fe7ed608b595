#include "demo/scene.h"

#include <catch2/catch_test_macros.hpp>
#include <map>

#include "demo/drawing.h"
#include "tests/demo/emoji.h"

using namespace clipdex;

namespace {

bool overlap(const demo::Box& a, const demo::Box& b) {
  return a.left < b.left + b.side && b.left < a.left + a.side && a.top < b.top + b.side && b.top < a.top + a.side;
}

int middle_of(const demo::Box& box, bool across) { return (across ? box.left : box.top) + box.side / 2; }

}  // namespace

TEST_CASE("emoji lie in the picture and apart from each other, where the scene says") {
  const demo::SceneMaker maker(tests::emoji(), /*training=*/true);
  std::map<demo::Arrangement, int> seen;
  for (std::uint64_t number = 0; number < 20'000; ++number) {
    demo::Random random(3, "test", number);
    const auto scene = random.chance(20) ? maker.single(number % tests::emoji().emoji.size(), random) : maker.any(random);
    ++seen[scene.arrangement];
    std::vector<demo::Box> boxes;
    for (const auto& group : scene.groups) {
      REQUIRE(group.boxes.size() == static_cast<std::size_t>(group.count));
      boxes.insert(boxes.end(), group.boxes.begin(), group.boxes.end());
    }
    for (std::size_t i = 0; i < boxes.size(); ++i) {
      const auto& box = boxes[i];
      const bool inside = box.left >= 0 && box.top >= 0 && box.left + box.side <= demo::kUnits && box.top + box.side <= demo::kUnits;
      if (!inside || box.side < 150) FAIL("box of " << box.side << " at " << box.left << ", " << box.top);
      for (std::size_t j = 0; j < i; ++j) {
        if (overlap(box, boxes[j])) FAIL("boxes overlap in scene " << number);
      }
    }
    const auto& first = scene.groups.front().boxes.front();
    const auto& last = scene.groups.back().boxes.front();
    if (scene.arrangement == demo::Arrangement::kLeftRight) REQUIRE(middle_of(first, true) < middle_of(last, true));
    if (scene.arrangement == demo::Arrangement::kAboveBelow) REQUIRE(middle_of(first, false) < middle_of(last, false));
    if (scene.arrangement == demo::Arrangement::kBigSmall) REQUIRE(first.side > last.side * 3 / 2);
    if (scene.arrangement == demo::Arrangement::kSingle) REQUIRE(first.side >= 350);
  }
  CHECK(seen.size() == 5);
  for (const auto& [arrangement, count] : seen) CHECK(count > 500);
}

TEST_CASE("a black emoji is not drawn on black, nor a white one on white") {
  const demo::SceneMaker maker(tests::emoji(), /*training=*/false);
  constexpr std::size_t kBlack = 8;
  int other = 0;
  for (std::uint64_t number = 0; number < 500; ++number) {
    demo::Random random(5, "test", number);
    const auto black = maker.single(tests::emoji_named("black heart"), random).background;
    CHECK(black.color != kBlack);
    if (black.color) ++other;
    demo::Random again(5, "test", number);
    CHECK(maker.single(tests::emoji_named("white heart"), again).background.color != demo::kWhite);
  }
  CHECK(other > 100);
}

TEST_CASE("a scene is drawn on its background, the emoji where its box is") {
  demo::Scene scene{.groups = {{.emoji = tests::emoji_named("red apple"), .boxes = {{.left = 500, .top = 500, .side = 500}}}}};
  scene.background.first = scene.background.second = {10, 20, 200};
  const auto image = demo::draw(scene, tests::emoji(), 100);
  REQUIRE(image.pixels.size() == 100 * 100 * 3);
  const auto at = [&image](int x, int y) { return &image.pixels[static_cast<std::size_t>(y * 100 + x) * 3]; };
  for (const auto* pixel : {at(0, 0), at(99, 0), at(40, 40), at(0, 99)}) {
    CHECK(pixel[0] == 10);
    CHECK(pixel[1] == 20);
    CHECK(pixel[2] == 200);
  }
  CHECK(at(75, 75)[0] > 180);
  CHECK(at(75, 75)[2] < 120);
}

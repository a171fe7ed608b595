#include "encoder/step_size.h"

#include <catch2/catch_test_macros.hpp>
#include <thread>

using clipdex::encoder::StepSize;
using clipdex::encoder::Urgency;

namespace {

// As if a step of one picture had taken so long.
void pass(StepSize& size, std::chrono::milliseconds time) {
  const StepSize::Timer timer(size, 1);
  std::this_thread::sleep_for(time);
}

}  // namespace

TEST_CASE("a step of a batch is as long as a query can wait, and shorter while there are queries") {
  StepSize size(16);
  CHECK(size.next(Urgency::kBatch) == 1);  // nobody knows yet how long a picture takes
  pass(size, std::chrono::milliseconds(50));
  // At least 50 ms each: at most five in 250 ms, none in 40.
  CHECK(size.next(Urgency::kBatch) >= 1);
  CHECK(size.next(Urgency::kBatch) <= 5);
  CHECK(size.next(Urgency::kQuery) == 16);
  size.query();
  CHECK(size.next(Urgency::kBatch) == 1);
}

TEST_CASE("quick pictures fill a step, slow ones go one by one") {
  StepSize quick(16), slow(16);
  for (int i = 0; i < 3; ++i) pass(quick, std::chrono::milliseconds(0));
  CHECK(quick.next(Urgency::kBatch) == 16);
  pass(slow, std::chrono::milliseconds(300));
  CHECK(slow.next(Urgency::kBatch) == 1);
}

// The GPU that tests are to use beside the CPU: CLIPDEX_TEST_DEVICE is "cuda" or "cuda:N" (docs/gpu.md).
#pragma once

#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <string>

namespace clipdex::tests {

// Skips the test where none is named. Whether it can be used is the test's to find out: one that is asked for and cannot be is a failure.
inline std::string tested_device() {
  const char* wanted = std::getenv("CLIPDEX_TEST_DEVICE");
  const std::string name = wanted == nullptr ? "" : wanted;
  if (name.empty() || name == "cpu") SKIP("a test on a GPU: CLIPDEX_TEST_DEVICE is not cuda");
  if (name != "cuda" && !name.starts_with("cuda:")) FAIL("CLIPDEX_TEST_DEVICE is \"" << name << "\", and neither cuda nor cuda:N");
  return name;
}

}  // namespace clipdex::tests

// From where on an approximation is worth more than a scan.
#pragma once

#include <cstddef>

namespace clipdex::index {

// The defaults are about where both take as long. What is found does not depend on them but for what approximations miss: tests lower them,
// so that few rows have lists and are walked.
struct ScanThresholds {
  // An inverted file of fewer vectors has no lists: it is scanned in the time that finding the nearest lists takes. Below 256 it never has.
  std::size_t ivf_rows_min = 10'000;
  // How much longer comparing a vector takes in a walk through a graph than in a scan, which knows where it will read next: walks that are
  // expected to take longer than a scan are not begun, and those that do are given up. 0: never.
  double hnsw_walk_cost = 2;
};

}  // namespace clipdex::index

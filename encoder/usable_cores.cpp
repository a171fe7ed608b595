#include "encoder/usable_cores.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <string>
#include <thread>

namespace clipdex::encoder {
namespace {

namespace fs = std::filesystem;

// Cores; no value: the group grants any number.
std::optional<double> quota_of(const fs::path& group) {
  double quota = 0, period = 0;
  if (std::ifstream v2(group / "cpu.max"); v2 >> quota >> period && quota > 0 && period > 0) return quota / period;  // "max": not a number
  std::ifstream v1_quota(group / "cpu.cfs_quota_us"), v1_period(group / "cpu.cfs_period_us");
  if (v1_quota >> quota && v1_period >> period && quota > 0 && period > 0) return quota / period;  // -1: none
  return std::nullopt;
}

// Where the group of a line "ID:CONTROLLERS:PATH" is found; empty: in no place that has to do with cores.
fs::path hierarchy_of(const std::string& controllers, const fs::path& cgroups) {
  if (controllers.empty()) return cgroups;  // v2
  return (',' + controllers + ',').find(",cpu,") != std::string::npos ? cgroups / controllers : fs::path();
}

}  // namespace

std::optional<int> quota_cores(const fs::path& cgroups, const fs::path& membership) {
  std::optional<double> least;
  std::ifstream lines(membership);
  for (std::string line; std::getline(lines, line);) {
    const auto first = line.find(':');
    const auto second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const auto hierarchy = hierarchy_of(line.substr(first + 1, second - first - 1), cgroups);
    if (hierarchy.empty()) continue;
    // A container may name its group as the host does and see it as the root: what cannot be read grants all.
    for (fs::path group = fs::path(line.substr(second + 1)).relative_path();; group = group.parent_path()) {
      if (const auto quota = quota_of(hierarchy / group)) least = std::min(*quota, least.value_or(*quota));
      if (group.empty()) break;
    }
  }
  if (!least) return std::nullopt;
  return static_cast<int>(std::clamp(std::ceil(*least), 1.0, 1e6));
}

int usable_cores() {
  cpu_set_t set;
  const int seen = ::sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : static_cast<int>(std::thread::hardware_concurrency());
  return std::max(1, std::min(seen, quota_cores("/sys/fs/cgroup", "/proc/self/cgroup").value_or(seen)));
}

}  // namespace clipdex::encoder

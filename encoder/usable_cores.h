// How many cores this process may keep busy. Private to encoder/.
#pragma once

#include <filesystem>
#include <optional>

namespace clipdex::encoder {

// The least of the cores that it may run on (sched_getaffinity) and what its control groups grant it: a container held to 2 of 64 cores
// sees all 64, and is stopped for most of every period if 64 threads compute.
int usable_cores();

// What the CPU quotas of the control groups (v2 or v1) of `membership`, a file such as /proc/self/cgroup, amount to in whole cores, rounded
// up: the least of its own group's and those above it. std::nullopt: there is no quota, or no control group can be read.
std::optional<int> quota_cores(const std::filesystem::path& cgroups, const std::filesystem::path& membership);

}  // namespace clipdex::encoder

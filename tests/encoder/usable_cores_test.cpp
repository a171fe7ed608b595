#include "encoder/usable_cores.h"

#include <catch2/catch_test_macros.hpp>
#include <fstream>
#include <string>

#include "tests/temporary_directory.h"

namespace {

using clipdex::encoder::quota_cores;
using clipdex::tests::TemporaryDirectory;

void write(const std::filesystem::path& path, const std::string& content) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path) << content;
}

}  // namespace

TEST_CASE("a control group's CPU quota counts in whole cores, rounded up, and the tightest of its ancestors' holds") {
  const TemporaryDirectory directory;
  const auto cgroups = directory.path() / "cgroup", membership = directory.path() / "self";
  write(membership, "0::/outer/inner\n");
  CHECK(quota_cores(cgroups, membership) == std::nullopt);
  write(cgroups / "outer/inner/cpu.max", "max 100000\n");
  CHECK(quota_cores(cgroups, membership) == std::nullopt);
  write(cgroups / "outer/cpu.max", "250000 100000\n");
  CHECK(quota_cores(cgroups, membership) == 3);
  write(cgroups / "outer/inner/cpu.max", "20000 100000\n");
  CHECK(quota_cores(cgroups, membership) == 1);
  write(cgroups / "outer/inner/cpu.max", "400000 100000\n");
  CHECK(quota_cores(cgroups, membership) == 3);
}

TEST_CASE("the root of a container's own view is read too, and so are groups of version 1") {
  const TemporaryDirectory directory;
  const auto cgroups = directory.path() / "cgroup", membership = directory.path() / "self";
  write(membership, "0::/../../as the host says\n");
  write(cgroups / "cpu.max", "200000 100000\n");
  CHECK(quota_cores(cgroups, membership) == 2);

  const auto version_1 = directory.path() / "v1";
  write(membership, "12:memory:/box\n5:cpu,cpuacct:/box\n");
  write(version_1 / "memory/box/cpu.cfs_quota_us", "100000\n");
  write(version_1 / "memory/box/cpu.cfs_period_us", "100000\n");
  CHECK(quota_cores(version_1, membership) == std::nullopt);
  write(version_1 / "cpu,cpuacct/box/cpu.cfs_quota_us", "-1\n");
  write(version_1 / "cpu,cpuacct/box/cpu.cfs_period_us", "100000\n");
  CHECK(quota_cores(version_1, membership) == std::nullopt);
  write(version_1 / "cpu,cpuacct/box/cpu.cfs_quota_us", "450000\n");
  CHECK(quota_cores(version_1, membership) == 5);
}

TEST_CASE("nonsense in the files of control groups grants every core") {
  const TemporaryDirectory directory;
  const auto cgroups = directory.path() / "cgroup", membership = directory.path() / "self";
  write(membership, "nothing\n:::\n0:\n0::relative\n");
  write(cgroups / "cpu.max", "0 0\n");
  CHECK(quota_cores(cgroups, membership) == std::nullopt);
  CHECK(quota_cores(cgroups, directory.path() / "missing") == std::nullopt);
}

// Two OpenMP runtimes or two BLAS in one process fight for the cores and have crashed programs; this proves that there is one of each.
#include <dlfcn.h>

#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "encoder/clip_encoder.h"
#include "index/vector_index.h"

namespace {

std::set<std::string> mapped_libraries(const std::vector<std::string>& prefixes) {
  std::set<std::string> found;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    const auto slash = line.find('/');
    if (slash == std::string::npos) continue;
    const std::filesystem::path file = line.substr(slash);
    for (const auto& prefix : prefixes) {
      if (file.filename().string().starts_with(prefix)) found.insert(std::filesystem::canonical(file).string());
    }
  }
  return found;
}

std::string joined(const std::set<std::string>& names) {
  std::ostringstream text;
  for (const auto& name : names) text << name << ' ';
  return text.str();
}

// Encoder and index have both run, so that whatever they load lazily is there.
void use_every_part() {
  const clipdex::encoder::ClipEncoder encoder(std::filesystem::path(CLIPDEX_SOURCE_DIR) / "tests/data/emoji-clip");
  const std::vector<std::string> texts = {"a red apple"};
  const auto embeddings = encoder.encode_texts(texts);
  clipdex::index::VectorIndex index({.dimension = embeddings.dimension});
  const std::vector<std::uint64_t> rows = {0};
  index.apply(rows, embeddings.values, {});
  REQUIRE(index.snapshot()->search(embeddings.values, 1, {}).at(0).at(0).row == 0);
}

}  // namespace

TEST_CASE("exactly one OpenMP runtime is mapped into the process") {
  use_every_part();
  const auto runtimes = mapped_libraries({"libgomp", "libomp", "libiomp", "libkmp"});
  INFO(joined(runtimes));
  CHECK(runtimes.size() == 1);
}

TEST_CASE("exactly one BLAS is mapped into the process, and it computes with OpenMP") {
  use_every_part();
  const auto implementations = mapped_libraries({"libopenblas", "libmkl", "libatlas", "libblis", "libcblas", "libtatlas", "libsatlas"});
  INFO(joined(implementations));
  REQUIRE(implementations.size() == 1);
  // libblas.so.3 and liblapack.so.3 are the interfaces that Debian's OpenBLAS brings for itself, from the same directory.
  const auto home = std::filesystem::path(*implementations.begin()).parent_path();
  for (const auto& interface : mapped_libraries({"libblas", "liblapack"})) CHECK(std::filesystem::path(interface).parent_path() == home);
  using GetParallel = int();
  auto* get_parallel = reinterpret_cast<GetParallel*>(::dlsym(RTLD_DEFAULT, "openblas_get_parallel"));
  REQUIRE(get_parallel != nullptr);
  constexpr int kOpenMp = 2;  // OPENBLAS_OPENMP in cblas.h
  CHECK(get_parallel() == kOpenMp);
}

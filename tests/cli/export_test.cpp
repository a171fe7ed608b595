// "clipdex export" and "clipdex snapshot".
#include <catch2/catch_test_macros.hpp>
#include <cstring>

#include "tests/cli/collections.h"

namespace {

namespace fs = std::filesystem;
using namespace clipdex::tests;

fs::path three_pictures(const fs::path& scratch) {
  output_of({"ingest", copy_pictures(scratch / "pictures", {"lemon.png", "pizza.png", "rocket.png"}).string(), "--data",
             (scratch / "data").string(), "--json"});
  return scratch / "data";
}

// The rows of a .npy file of version 1 whose header says exactly what is expected.
std::vector<std::vector<float>> npy_rows(const std::string& bytes, std::size_t rows, std::size_t columns) {
  const std::string dictionary =
      "{'descr': '<f4', 'fortran_order': False, 'shape': (" + std::to_string(rows) + ", " + std::to_string(columns) + ", ), }";
  constexpr std::size_t kHeader = 128;
  REQUIRE(bytes.size() == kHeader + rows * columns * sizeof(float));
  CHECK(bytes.starts_with(std::string("\x93NUMPY\x01\0\x76\0", 10) + dictionary));
  CHECK(bytes[kHeader - 1] == '\n');
  std::vector<std::vector<float>> all(rows, std::vector<float>(columns));
  for (std::size_t i = 0; i < rows; ++i)
    std::memcpy(all[i].data(), bytes.data() + kHeader + i * columns * sizeof(float), columns * sizeof(float));
  return all;
}

}  // namespace

TEST_CASE("an export has the records and their embeddings in the same order, and numpy reads it") {
  const TemporaryDirectory directory;
  const auto data = three_pictures(directory.path());
  const auto folder = directory.path() / "deep/export";
  auto outcome = run_clipdex({"export", folder.string(), "--data", data.string()});
  CAPTURE(outcome.error);
  CHECK(outcome.exit_code == 0);
  CHECK(contains(outcome.error, "3 images"));
  const auto records = json_lines(read_file(folder / "records.jsonl"));
  CHECK(records == output_of({"list", "--json", "--data", data.string()}));
  const auto rows = npy_rows(read_file(folder / "embeddings.npy"), 3, 128);
  for (std::size_t i = 0; i < 3; ++i) {
    const auto embedding = embeddings_of(output_of({"embed", "--image", (kGallery / records[i].at("id")).string()})).at(0);
    CHECK(largest_difference(rows[i], embedding) < 1e-5);
  }
  CHECK(std::distance(fs::directory_iterator(folder), {}) == 2);
  const auto numpy =
      run_program({"python3", "-c", "import sys, numpy; a = numpy.load(sys.argv[1]); print(a.shape, a.dtype, a.flags.c_contiguous)",
                   (folder / "embeddings.npy").string()});
  if (numpy.exit_code == 0) CHECK(numpy.out == "(3, 128) float32 True\n");  // else there is no numpy here

  outcome = run_clipdex({"export", folder.string(), "--data", data.string()});
  CHECK(outcome.exit_code == 2);
  CHECK(contains(outcome.error, "--force"));
  CHECK(run_clipdex({"delete", "lemon.png", "--data", data.string()}).exit_code == 0);
  CHECK(run_clipdex({"export", folder.string(), "--force", "--data", data.string()}).exit_code == 0);
  npy_rows(read_file(folder / "embeddings.npy"), 2, 128);
}

TEST_CASE("an export of an empty collection has no rows, and one that fails leaves nothing") {
  const TemporaryDirectory directory;
  const auto data = (directory.path() / "data").string(), folder = (directory.path() / "out").string();
  CHECK(run_clipdex({"collection", "create", "empty", "--data", data}).exit_code == 0);
  CHECK(run_clipdex({"export", folder, "-c", "empty", "--data", data}).exit_code == 0);
  npy_rows(read_file(fs::path(folder) / "embeddings.npy"), 0, 128);
  CHECK(read_file(fs::path(folder) / "records.jsonl").empty());
  const auto other = (directory.path() / "other").string();
  check_fails({"export", other, "-c", "nowhere", "--data", data}, {"there is no collection \"nowhere\""});
  CHECK(!fs::exists(other));
  const auto file = directory.path() / "file";
  std::ofstream(file) << "";
  check_fails({"export", file.string(), "-c", "empty", "--data", data}, {file.string()});
  const auto server = run_clipdex({"export", other, "--server", "http://127.0.0.1:1"});
  CHECK(server.exit_code == 2);
  CHECK(contains(server.error, "--data"));
}

TEST_CASE("a snapshot of a data directory is listed, and restored elsewhere with everything in it") {
  const TemporaryDirectory directory;
  const auto data = three_pictures(directory.path()).string(), restored = (directory.path() / "restored").string();
  CHECK(run_clipdex({"snapshot", "list", "--data", data}).out.empty());
  const auto made = run_clipdex({"snapshot", "create", "first", "--data", data, "--json"});
  CAPTURE(made.error);
  CHECK(made.exit_code == 0);
  CHECK(json_lines(made.out).at(0).at("images") == 3);
  CHECK(run_clipdex({"snapshot", "list", "--data", data}).out == "first\n");
  CHECK(run_clipdex({"snapshot", "create", "first", "--data", data}).exit_code != 0);
  const auto before = output_of({"list", "--json", "--data", data});
  CHECK(run_clipdex({"delete", "lemon.png", "--data", data}).exit_code == 0);
  CHECK(run_clipdex({"snapshot", "restore", data + "/snapshots/first", restored}).exit_code == 0);
  CHECK(output_of({"list", "--json", "--data", restored}) == before);
  CHECK(run_clipdex({"snapshot", "restore", "first", restored, "--data", data}).exit_code != 0);  // it is not empty
  CHECK(output_of({"list", "--json", "--data", restored}) == before);
}

TEST_CASE("a snapshot's name cannot lead out of the data directory, and one that is not there is not restored") {
  const TemporaryDirectory directory;
  for (const auto* name : {"../x", "a/b", ".hidden", "", "a b"}) {
    const auto outcome = run_clipdex({"snapshot", "create", name, "--data", (directory.path() / "data").string()});
    CAPTURE(name, outcome.error);
    CHECK(outcome.exit_code == 2);
  }
  CHECK(!fs::exists(directory.path() / "data"));
  const auto outcome = run_clipdex({"snapshot", "restore", (directory.path() / "nowhere").string(), (directory.path() / "new").string()});
  CHECK(outcome.exit_code == 2);
  CHECK(contains(outcome.error, "nowhere"));
  check_fails({"snapshot", "list", "--data", (directory.path() / "nowhere").string()}, {"there is no data directory"});
}

// A sample's picture: from memory or from a file, within a limit.
#include <sys/stat.h>

#include "tests/datasets/samples.h"

namespace {

namespace fs = std::filesystem;
using namespace clipdex::tests;
using clipdex::datasets::read_picture;

constexpr std::size_t kLimit = 10;

std::string failure(const CaptionedImage& image) {
  try {
    static_cast<void>(read_picture(image, kLimit));
    return "";
  } catch (const std::runtime_error& error) {
    return error.what();
  }
}

CaptionedImage of_file(const fs::path& file) {
  CaptionedImage image;
  image.where = "list.csv:2";
  image.file = file;
  return image;
}

CaptionedImage of_bytes(const std::string& bytes) {
  CaptionedImage image;
  image.where = "a.tar/1.jpg";
  image.bytes = bytes;
  return image;
}

}  // namespace

TEST_CASE("a picture's bytes come from memory, a file, or a link to one, up to the limit") {
  const TemporaryDirectory directory;
  const std::string bytes("\xFF\xD8\0jpeg\xFF\xD9", 9);
  const auto file = write(directory.path() / "a.jpg", bytes);
  fs::create_symlink(file, directory.path() / "link.jpg");
  CHECK(read_picture(of_bytes(bytes), bytes.size()) == bytes);
  CHECK(read_picture(of_file(file), bytes.size()) == bytes);
  CHECK(read_picture(of_file(directory.path() / "link.jpg"), kLimit) == bytes);
}

TEST_CASE("a picture that is missing, too large or empty is named with the reason") {
  const TemporaryDirectory directory;
  const auto missing = directory.path() / "none.jpg";
  CHECK(contains(failure(of_file(missing)), "list.csv:2 names " + missing.string() + ": No such file"));
  CHECK(contains(failure(of_file(write(directory.path() / "large.jpg", std::string(kLimit + 1, 'x')))), "11 bytes, and 10 are the limit"));
  CHECK(contains(failure(of_file(write(directory.path() / "empty.jpg", ""))), "it is empty"));
  CHECK(contains(failure(of_bytes(std::string(kLimit + 1, 'x'))), "a.tar/1.jpg: it has 11 bytes"));
  CHECK(contains(failure(of_bytes("")), "it is empty"));
}

TEST_CASE("a pipe or a folder in a picture's place is refused, not waited for") {
  const TemporaryDirectory directory;
  const auto pipe = directory.path() / "pipe.jpg";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  CHECK(contains(failure(of_file(pipe)), "not a regular file"));
  CHECK(contains(failure(of_file(directory.path())), "not a regular file"));
  fs::create_symlink(pipe, directory.path() / "link.jpg");
  CHECK(contains(failure(of_file(directory.path() / "link.jpg")), "not a regular file"));
}

TEST_CASE("a sample with an error has no picture") {
  auto image = of_bytes("jpeg");
  image.error = "its caption is empty";
  CHECK(contains(failure(image), "its caption is empty"));
}

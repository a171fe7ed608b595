#include "encoder/compute_device.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "tests/encoder/cosine.h"
#include "tests/encoder/golden_embeddings.h"
#include "tests/gallery.h"
#include "tests/temporary_directory.h"

namespace {

using namespace clipdex::tests;
using namespace clipdex::encoder;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;

// The least cosine of the pictures' and texts' embeddings to those in fp32.
double least_cosine_to_fp32(const std::filesystem::path& model, ComputePrecision precision) {
  const ClipEncoder exact(model, {.threads = 1}), reduced(model, {.threads = 1, .precision = precision});
  CHECK(reduced.precision() == precision);
  const auto tokens = golden_tokens();
  const std::vector<std::vector<std::int32_t>> texts(tokens.begin(), tokens.end());
  const auto wanted_texts = exact.encode_tokens(texts), found_texts = reduced.encode_tokens(texts);
  const auto wanted = exact.encode_pixels(golden_pixels(), 2), found = reduced.encode_pixels(golden_pixels(), 2);
  CHECK(wanted.values != found.values);
  CHECK(wanted_texts.values != found_texts.values);
  return std::min(least_cosine(wanted, found), least_cosine(wanted_texts, found_texts));
}

}  // namespace

TEST_CASE("devices and precisions are what their names say") {
  CHECK(choose_device("cpu") == ComputeDevice{});
  CHECK(name_of(ComputeDevice{.kind = DeviceKind::kCuda, .index = 2}) == "cuda:2");
  for (const auto precision : {ComputePrecision::kFp32, ComputePrecision::kFp16, ComputePrecision::kBf16})
    CHECK(precision_of(name_of(precision)) == precision);
  CHECK_FALSE(precision_of("int8"));
  for (const auto* wrong : {"", "gpu", "cuda:", "cuda:x", "cuda:-1", "cuda:1x", "cpu:0"})
    CHECK_THROWS_MATCHES(choose_device(wrong), std::invalid_argument, MessageMatches(ContainsSubstring("cpu, cuda, cuda:N")));
}

TEST_CASE("without a GPU auto is the CPU, and asking for one says why it is not there") {
  const auto unusable = why_no_cuda();
  if (unusable.empty()) SKIP("there is a GPU here");
  CHECK(choose_device("auto") == ComputeDevice{});
  for (const auto* device : {"cuda", "cuda:0", "cuda:7"})
    CHECK_THROWS_MATCHES(choose_device(device), std::runtime_error, MessageMatches(ContainsSubstring(unusable)));
  CHECK_THROWS_MATCHES(ClipEncoder(kModel, {.device = "cuda"}), std::runtime_error, MessageMatches(ContainsSubstring("docs/gpu.md")));
}

TEST_CASE("half precision gives nearly the same embeddings, of both towers and both kinds of image tower") {
  const TemporaryDirectory directory;
  write_golden_vit_as_open_clip(directory.path() / "vit");
  write_golden_resnet_as_open_clip(directory.path() / "resnet");
  for (const auto* name : {"vit", "resnet"}) {
    INFO(name);
    CHECK(least_cosine_to_fp32(directory.path() / name, ComputePrecision::kFp16) > 0.9999);
    CHECK(least_cosine_to_fp32(directory.path() / name, ComputePrecision::kBf16) > 0.999);
  }
}

#include "encoder/checkpoint.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <stdexcept>

#include "encoder/safetensors.h"
#include "tests/encoder/torch_files.h"
#include "tests/temporary_directory.h"

namespace {

namespace fs = std::filesystem;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;
using namespace clipdex::tests;
using namespace std::string_literals;
using clipdex::encoder::Checkpoint;
using clipdex::encoder::Container;
using clipdex::encoder::TensorType;

Tensors sample() {
  Tensors tensors;
  tensors["visual.proj"] = float_tensor({2, 3}, {1, 2, 3, 4, 5, 6});
  tensors["visual.ln_post.bias"] = float_tensor({2}, {0.5F, -0.5F});
  tensors["logit_scale"] = float_tensor({}, {4.6F});
  tensors["half"] = {"F16", {2}, "\x00\x3c\x00\xc0"s};
  tensors["brain"] = {"BF16", {2}, "\x80\x3f\x00\xc0"s};
  tensors["steps"] = {"I64", {1}, little_endian(7, 8)};
  tensors["empty"] = float_tensor({0, 4}, {});
  return tensors;
}

void check_holds(const Checkpoint& checkpoint, const Tensors& expected) {
  REQUIRE(checkpoint.tensors().size() == expected.size());
  for (const auto& [name, tensor] : expected) {
    INFO(name);
    const auto* view = checkpoint.find(name);
    REQUIRE(view != nullptr);
    CHECK(view->shape == tensor.shape);
    CHECK(std::string(reinterpret_cast<const char*>(view->data.data()), view->data.size()) == tensor.bytes);
  }
}

// One tensor "w" of a storage "0" that holds 0, 1, 2, ... 11 as fp32.
std::string archive_of(StoredTensor tensor, std::size_t storage_bytes = 48) {
  if (tensor.storage_class.empty()) tensor.storage_class = "FloatStorage";
  tensor.key = "0";
  PickleWriter pickle;
  pickle.ordered_dict().mark().text("w");
  push_tensor(pickle, tensor).set_items();
  std::string storage = float_tensor({12}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}).bytes;
  storage.resize(storage_bytes);
  return zip_archive(torch_entries(pickle.stop(), {{"0", storage}}));
}

class Files {
 public:
  fs::path write(const std::string& name, const std::string& bytes) const {
    write_bytes(directory_.path() / name, bytes);
    return directory_.path() / name;
  }
  void check_refused(const std::string& bytes, const std::string& message) const {
    INFO(message);
    CHECK_THROWS_MATCHES(Checkpoint::open(write("bad.pt", bytes)), std::runtime_error,
                         MessageMatches(ContainsSubstring(message) && ContainsSubstring("bad.pt")));
  }
  const fs::path& path() const { return directory_.path(); }

 private:
  TemporaryDirectory directory_;
};

}  // namespace

TEST_CASE("the same tensors come out of every container") {
  const Files files;
  const auto tensors = sample();
  write_safetensors(files.path() / "a.safetensors", tensors);
  const auto check = [&](const fs::path& file, Container container) {
    INFO(file);
    const auto checkpoint = Checkpoint::open(file);
    CHECK(checkpoint.container() == container);
    CHECK(!checkpoint.sharded());
    CHECK(checkpoint.bytes() == fs::file_size(file));
    check_holds(checkpoint, tensors);
  };
  check(files.path() / "a.safetensors", Container::kSafetensors);
  check(files.write("archive.bin", torch_archive(tensors)), Container::kTorchArchive);
  check(files.write("legacy.pth", legacy_torch_file(tensors)), Container::kLegacyTorch);
  check(files.write("script.pt", torchscript_archive(tensors)), Container::kTorchScript);
}

TEST_CASE("a training checkpoint's weights are those of its state_dict without the wrapper's prefix") {
  const Files files;
  const auto checkpoint = Checkpoint::open(files.write("epoch_3.pt", training_checkpoint(sample(), "model_ViT-B-32-quickgelu")));
  check_holds(checkpoint, sample());
  CHECK(checkpoint.training_run() == "model_ViT-B-32-quickgelu");
  CHECK(!Checkpoint::open(files.write("plain.pt", torch_archive(sample()))).training_run());
}

TEST_CASE("a training checkpoint's own tensors are not taken for its weights") {
  const Files files;
  const auto loss = float_tensor({1}, {0.5F});
  for (const auto* key : {"state_dict", "model_state_dict", "model"}) {
    INFO(key);
    PickleWriter pickle;
    std::map<std::string, std::string> storages = {{"loss", loss.bytes}};
    pickle.dict().mark().text("epoch").integer(3).text("loss");
    push_tensor(pickle, in_order(loss, "loss")).text(key);
    push_state_dict(pickle, sample(), storages, "module.");
    const auto checkpoint = Checkpoint::open(files.write("epoch.pt", zip_archive(torch_entries(pickle.set_items().stop(), storages))));
    check_holds(checkpoint, sample());
    CHECK(checkpoint.training_run() == "");
  }
  // Nor is a tensor that happens to be called so.
  auto named = sample();
  named["model"] = loss;
  check_holds(Checkpoint::open(files.write("named.pt", torch_archive(named))), named);
}

TEST_CASE("a safetensors file is one whatever bytes its header's length begins with") {
  const Files files;
  const auto tensors = Tensors{{"a", float_tensor({2}, {1, 2})}};
  // 80 02 to 80 05 are how a pickle begins.
  for (const std::size_t length : {640, 896, 1152, 1408}) {
    INFO(length);
    std::string header = R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";
    header.resize(length, ' ');
    const auto file = files.path() / "padded.safetensors";
    write_file(file, header, tensors.at("a").bytes);
    const auto checkpoint = Checkpoint::open(file);
    CHECK(checkpoint.container() == Container::kSafetensors);
    check_holds(checkpoint, tensors);
    fs::resize_file(file, length - 1);
    CHECK_THROWS_MATCHES(Checkpoint::open(file), std::runtime_error, MessageMatches(ContainsSubstring("ends within its header")));
  }
}

TEST_CASE("views of a storage are read in their own order, and out of bounds not at all") {
  const Files files;
  const auto values = [&](const StoredTensor& tensor) {
    const auto checkpoint = Checkpoint::open(files.write("a.pt", archive_of(tensor)));
    std::vector<float> read(checkpoint.find("w")->elements());
    clipdex::encoder::read_floats(*checkpoint.find("w"), 0, read);
    return read;
  };
  const auto view = [](std::int64_t offset, std::vector<std::int64_t> shape, std::vector<std::int64_t> strides) {
    return StoredTensor{.storage_elements = 12, .offset = offset, .shape = std::move(shape), .strides = std::move(strides)};
  };
  CHECK(values(view(0, {3, 4}, {4, 1})) == std::vector<float>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
  CHECK(values(view(0, {4, 3}, {1, 4})) == std::vector<float>{0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11});
  CHECK(values(view(5, {2, 2}, {4, 1})) == std::vector<float>{5, 6, 9, 10});
  CHECK(values(view(11, {1}, {100})) == std::vector<float>{11});
  CHECK(values(view(0, {2, 2, 3}, {3, 6, 1})) == std::vector<float>{0, 1, 2, 6, 7, 8, 3, 4, 5, 9, 10, 11});
  files.check_refused(archive_of(view(9, {2, 2}, {2, 1})), "\"w\" reaches beyond its storage");
  files.check_refused(archive_of(view(0, {100}, {0})), "\"w\" repeats");
  files.check_refused(archive_of(view(-1, {1}, {1})), "offset");
  files.check_refused(archive_of(view(0, {-1}, {1})), "no size");
  files.check_refused(archive_of(view(0, {1}, {-1})), "no size");
  files.check_refused(archive_of(view(0, {2, 2}, {1})), "different lengths");
  files.check_refused(archive_of(view(0, {INT64_MAX, INT64_MAX}, {INT64_MAX, INT64_MAX})), "impossibly large");
  files.check_refused(archive_of(view(0, std::vector<std::int64_t>(17, 1), std::vector<std::int64_t>(17, 1))), "too many dimensions");
  files.check_refused(archive_of(view(0, {12}, {1}), 40), "cut off");
  auto other = view(0, {1}, {1});
  other.storage_class = "ComplexFloatStorage";
  files.check_refused(archive_of(other), "torch.ComplexFloatStorage");
}

TEST_CASE("a damaged or hostile archive is refused with the file and what is wrong") {
  const Files files;
  const auto entries = [](const std::string& extra_name = "", const std::string& extra = "") {
    PickleWriter pickle;
    std::map<std::string, std::string> storages;
    push_state_dict(pickle, sample(), storages);
    auto all = torch_entries(pickle.stop(), storages);
    if (!extra_name.empty()) all.push_back({extra_name, extra});
    return all;
  };
  auto changed = entries();
  changed[0].method = 8;
  files.check_refused(zip_archive(changed), "archive/data.pkl is compressed or encrypted");
  changed = entries();
  changed[1].data = "big";
  files.check_refused(zip_archive(changed), "big-endian");
  files.check_refused(zip_archive(entries("archive/data.pkl", "N.")), "twice");
  files.check_refused(zip_archive({{"readme", "hello"}}), "not a PyTorch checkpoint");
  files.check_refused(zip_archive(torch_entries(PickleWriter().dict().stop(), {})), "no state_dict");
  files.check_refused(zip_archive(torch_entries(PickleWriter().global("os", "system").stop(), {})), "os.system");
  files.check_refused("\x80\x02K\x07."s, "torch.save did not write");
  files.check_refused("", "truncated or empty");
  files.check_refused("<html>not found</html>", "not in the safetensors format");
  // Two names for the same bytes.
  auto archive = zip_archive(entries());
  const auto directory = archive.find("PK\x01\x02");
  const auto second = archive.find("PK\x01\x02", directory + 4);
  const auto local_offset = [](std::size_t entry) { return entry + 42; };
  archive.replace(local_offset(second), 4, archive.substr(local_offset(directory), 4));
  files.check_refused(archive, "otherwise elsewhere");
}

TEST_CASE("a PyTorch file cut anywhere is refused") {
  const Files files;
  const Tensors tensors = {{"visual.proj", float_tensor({2}, {1, 2})}};
  for (const auto& whole : {torch_archive(tensors), legacy_torch_file(tensors), torchscript_archive(tensors)}) {
    for (std::size_t size = 0; size < whole.size(); ++size) {
      INFO(size);
      CHECK_THROWS_AS(Checkpoint::open(files.write("cut.pt", whole.substr(0, size))), std::runtime_error);
    }
  }
}

TEST_CASE("a TorchScript module that holds itself is refused") {
  const Files files;
  PickleWriter pickle;
  pickle.global("__torch__", "Model").raw(")\x81q").raw("\x01"s).dict().text("self").raw("h\x01"s).raw("sb");
  auto entries = torch_entries(pickle.stop(), {});
  entries.push_back({"archive/constants.pkl", ""});
  files.check_refused(zip_archive(entries), "nests too deeply");
}

TEST_CASE("modules that share attributes without end are refused, whatever the attributes are") {
  const Files files;
  constexpr int kModules = 800, kAttributes = 3000;  // 2.4 million steps in a file of 40 KB
  PickleWriter pickle;
  pickle.global("__torch__", "Model").raw("q\0)\x81"s).dict().mark();
  for (int module = 0; module < kModules; ++module) {
    pickle.text(std::to_string(module)).raw("h\0)\x81"s);
    if (module > 0) {
      pickle.raw(
          "h\x01"s
          "b");
      continue;
    }
    pickle.dict().mark();
    for (int i = 0; i < kAttributes; ++i) pickle.text(std::to_string(i)).raw("N");
    pickle.set_items().raw(
        "q\x01"s
        "b");
  }
  auto entries = torch_entries(pickle.set_items().raw("b").stop(), {});
  entries.push_back({"archive/constants.pkl", ""});
  files.check_refused(zip_archive(entries), "too many parts");
}

TEST_CASE("a state_dict that gives one name again and again is refused") {
  const Files files;
  PickleWriter pickle;
  pickle.dict().mark().text("w");
  push_tensor(pickle, {.storage_class = "FloatStorage", .key = "0", .storage_elements = 1, .shape = {1}, .strides = {1}}).raw("q\x01"s);
  for (int i = 0; i < 100'000; ++i) pickle.text("w").raw("h\x01"s);
  files.check_refused(zip_archive(torch_entries(pickle.set_items().stop(), {{"0", "four"}})), "over 100000 tensors");
}

TEST_CASE("a storage's key is short, or refused") {
  const Files files;
  const std::string key(1025, 'k');
  PickleWriter pickle;
  pickle.dict().mark().text("w");
  push_tensor(pickle, {.storage_class = "FloatStorage", .key = key, .storage_elements = 1, .shape = {1}, .strides = {1}}).set_items();
  files.check_refused(zip_archive(torch_entries(pickle.stop(), {{key, "four"}})), "\"w\" has a storage whose key");
  auto legacy = legacy_torch_file({{"w", float_tensor({1}, {1})}});
  const auto short_key =
      "X\x01\0\0\0"
      "0"s;
  REQUIRE(legacy.find(short_key) != std::string::npos);
  legacy.replace(legacy.find(short_key), short_key.size(), "X\x01\x04\0\0"s + key);
  files.check_refused(legacy, ": a tensor has a storage whose key");
}

TEST_CASE("a sharded checkpoint is all of its shards, of either kind") {
  const Files files;
  const auto tensors = sample();
  Tensors first, second;
  nlohmann::json map;
  for (const auto& [name, tensor] : tensors) {
    auto& shard = name < "logit_scale" ? first : second;
    shard[name] = tensor;
    map[name] = &shard == &first ? "model-1.safetensors" : "model-2.safetensors";
  }
  write_safetensors(files.path() / "model-1.safetensors", first);
  write_safetensors(files.path() / "model-2.safetensors", second);
  const auto index = files.write("model.safetensors.index.json", nlohmann::json{{"metadata", {}}, {"weight_map", map}}.dump());
  const auto checkpoint = Checkpoint::open(index);
  check_holds(checkpoint, tensors);
  CHECK(checkpoint.sharded());
  CHECK(checkpoint.files().size() == 2);
  for (auto& [name, shard] : map.items()) shard = shard == "model-1.safetensors" ? "a.bin" : "b.bin";
  files.write("a.bin", torch_archive(first));
  files.write("b.bin", torch_archive(second));
  check_holds(Checkpoint::open(files.write("m.bin.index.json", nlohmann::json{{"weight_map", map}}.dump())), tensors);
}

TEST_CASE("an index of shards leads nowhere but to files beside it, and must be right about them") {
  const Files files;
  write_safetensors(files.path() / "a.safetensors", {{"x", float_tensor({1}, {1})}});
  write_safetensors(files.path() / "b.safetensors", {{"y", float_tensor({1}, {1})}});
  write_safetensors(files.path() / "again.safetensors", {{"x", float_tensor({1}, {1})}});
  const auto check = [&](const std::string& index, const std::string& message) {
    INFO(index);
    const auto file = files.write("model.safetensors.index.json", index);
    CHECK_THROWS_MATCHES(Checkpoint::open(file), std::runtime_error, MessageMatches(ContainsSubstring(message)));
  };
  const auto with = [](const std::string& map) { return "{\"weight_map\":{" + map + "}}"; };
  for (const auto* shard : {"../a.safetensors", "/etc/passwd", "", "..", "a/b", "model.safetensors.index.json"}) {
    check(with("\"x\":\"" + std::string(shard) + "\""), "not the name of a file beside it");
  }
  check(with("\"x\":7"), "not the name of a file");
  check(with(R"("x":"c.safetensors")"), "the shard c.safetensors is missing");
  check(with(R"("x":"b.safetensors")"), "\"y\" is not in");
  check(with(R"("x":"a.safetensors","z":"a.safetensors")"), "\"z\" is missing");
  check(with(R"("x":"b.safetensors","y":"b.safetensors")"), "\"x\" is missing");
  check(with(R"("x":"a.safetensors","y":"a.safetensors")"), "\"y\" is missing");
  check(with(R"("x":"a.safetensors","y":"b.safetensors","w":"again.safetensors")"), "is in another shard too");
  check("{", "not valid JSON");
  check("[]", "not a JSON object");
  check("{}", "no weight_map");
  check(std::string(100, '[') + std::string(100, ']'), "nested");
}

#include "encoder/pickle.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <stdexcept>

#include "tests/encoder/torch_files.h"

namespace {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;
using namespace std::string_literals;
using clipdex::encoder::Pickle;
using clipdex::encoder::PickleKind;
using clipdex::tests::PickleWriter;

Pickle read(const std::string& bytes, bool torchscript = false) {
  return clipdex::encoder::read_pickle(std::as_bytes(std::span(bytes)), 0, {.torchscript = torchscript});
}

void check_refused(const std::string& bytes, const std::string& message, bool torchscript = false) {
  INFO(message);
  CHECK_THROWS_MATCHES(read(bytes, torchscript), std::runtime_error, MessageMatches(ContainsSubstring(message)));
}

}  // namespace

TEST_CASE("a pickle of plain values gives them back") {
  const auto bytes = PickleWriter()
                         .dict()
                         .mark()
                         .text("text")
                         .text("grüße")
                         .text("negative")
                         .raw("\x8a\x02\x00\x80"s)  // LONG1 of two bytes
                         .text("small")
                         .raw("K\x07")
                         .text("pair")
                         .raw("K\x01K\x02\x86")
                         .text("list")
                         .raw("](K\x01K\x02K\x03"s)
                         .raw("e")
                         .set_items()
                         .stop();
  const auto pickle = read(bytes);
  const auto& root = pickle[pickle.root];
  REQUIRE(root.kind == PickleKind::kDict);
  CHECK(pickle.find(root, "text")->text == "grüße");
  CHECK(pickle.find(root, "negative")->integer == -32768);
  CHECK(pickle.find(root, "small")->integer == 7);
  CHECK(pickle.find(root, "pair")->items.size() == 2);
  CHECK(pickle.find(root, "list")->items.size() == 3);
  CHECK(pickle.find(root, "missing") == nullptr);
  CHECK(pickle.end == bytes.size());
}

TEST_CASE("memoized values are the same value, in protocols 2 and 4") {
  const auto protocol2 = read("\x80\x02]q\x00h\x00h\x00\x86."s);
  CHECK(protocol2[protocol2.root].items.size() == 2);
  CHECK(protocol2[protocol2.root].items[0] == protocol2[protocol2.root].items[1]);
  const auto bytes =
      "\x80\x04\x95\x0b\0\0\0\0\0\0\0\x8c\x03"
      "abc\x94h\x00\x86\x94."s;
  const auto protocol4 = read(bytes);
  CHECK(protocol4[protocol4[protocol4.root].items[1]].text == "abc");
}

TEST_CASE("a pickle that wants to run code is refused by the name of what it wants to call") {
  const auto argument = [](PickleWriter& writer) { return writer.text("touch /tmp/hacked").raw("\x85R").stop(); };
  PickleWriter classic, stacked, script, evaluated;
  classic.global("posix", "system");
  check_refused(argument(classic), "posix.system");
  stacked.text("builtins").text("eval").raw("\x93");
  check_refused(argument(stacked), "builtins.eval");
  evaluated.global("__builtin__", "eval");
  check_refused(argument(evaluated), "save the state_dict as safetensors", /*torchscript=*/true);
  // An attribute bag of TorchScript is a class like any other elsewhere.
  script.global("__torch__.Model", "Model");
  check_refused(argument(script), "__torch__.Model.Model");
  check_refused(PickleWriter().global("torch._utils", "_rebuild_tensor_v2x").stop(), "_rebuild_tensor_v2x");
  check_refused(PickleWriter().global("torch", "load").stop(), "torch.load");
  check_refused(PickleWriter().global("collections", "OrderedDict\x1b[2J").stop(), "OrderedDict?[2J");
}

TEST_CASE("what is allowed as a name is not thereby allowed as a call") {
  check_refused(PickleWriter().global("torch", "FloatStorage").raw(")R").stop(), "torch.FloatStorage");
  check_refused(PickleWriter().global("torch", "FloatStorage").raw(")\x81").stop(), "torch.FloatStorage");
  check_refused(PickleWriter().global("__torch__", "Model").raw(")R").stop(), "__torch__.Model", /*torchscript=*/true);
  check_refused(PickleWriter().text("name").raw(")R").stop(), "cannot be called");
  check_refused(PickleWriter().raw("]").dict().raw("b").stop(), "sets the state");
}

TEST_CASE("opcodes that checkpoints do not have are refused") {
  for (const auto& opcodes : {"i__builtin__\neval\n"s, "P0\n"s, "\x82\x01"s, "(o"s, "\x92"s, "I1\n"s, "S'a'\n"s, "\xff"s}) {
    check_refused("\x80\x02" + opcodes + ".", "opcode");
  }
  check_refused("\x80\x09N."s, "protocol");
}

TEST_CASE("a pickle that plays with its stack is refused") {
  for (const auto& opcodes : {"."s,
                              "0"s,
                              "2."s,
                              "t."s,
                              "1"s,
                              "N(0."s,
                              "(N\x86."s,
                              "s."s,
                              "]Ns."s,
                              "}(Nu."s,
                              "(Nd."s,
                              "Q."s,
                              "NQ."s,
                              ")Q."s,
                              "q\0."s,
                              "h\0."s,
                              "j\xff\xff\xff\xff."s,
                              "Nr\xff\xff\xff\x7f."s,
                              "R."s,
                              "b."s,
                              "\x81."s,
                              "\x93."s,
                              "NN\x93."s}) {
    INFO(opcodes);
    CHECK_THROWS_AS(read("\x80\x02" + opcodes), std::runtime_error);
  }
}

TEST_CASE("a pickle cut anywhere is refused") {
  clipdex::tests::Tensors tensors;
  tensors["a"] = clipdex::tests::float_tensor({2}, {1, 2});
  PickleWriter writer;
  std::map<std::string, std::string> storages;
  clipdex::tests::push_state_dict(writer, tensors, storages);
  const auto whole = writer.stop();
  CHECK(read(whole)[read(whole).root].kind == PickleKind::kDict);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    INFO(size);
    CHECK_THROWS_AS(read(whole.substr(0, size)), std::runtime_error);
  }
}

TEST_CASE("lengths that promise more than there is take no memory") {
  for (const auto& opcodes :
       {"X\xff\xff\xff\xff"s, "\x8d\xff\xff\xff\xff\xff\xff\xff\xff"s, "\x8b\xff\xff\xff\xff"s, "B\xff\xff\xff\x7f"s}) {
    check_refused("\x80\x02" + opcodes + "abc.", "truncated");
  }
}

TEST_CASE("a pickle that nests a million deep is read and dropped without deep recursion") {
  constexpr std::size_t kDepth = 1'000'000;
  const auto nested = read("\x80\x02" + std::string(kDepth, ']') + std::string(kDepth - 1, 'a') + ".");
  CHECK(nested.nodes.size() >= kDepth);
  // ... and one that nests deeper than any checkpoint is refused.
  check_refused("\x80\x02" + std::string(3'000'000, ']') + ".", "holds over");
  check_refused("\x80\x02" + std::string(3'000'000, '(') + ".", "too deeply");
}

TEST_CASE("a container may hold itself") {
  const auto pickle = read(
      "\x80\x02]q\x00h\x00"
      "a."s);
  CHECK(pickle[pickle.root].items == std::vector{pickle.root});
}

#include "encoder/pickle.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "encoder/byte_reader.h"
#include "encoder/pickle_globals.h"

namespace clipdex::encoder {
namespace {

constexpr std::size_t kNodesMax = 2'000'000;
constexpr const char* kTruncated = "its pickle ends too early: the file is truncated or damaged, download or copy it again";

[[noreturn]] void fail(const std::string& what) { throw std::runtime_error("its pickle is damaged: " + what); }

class Machine {
 public:
  Machine(std::span<const std::byte> bytes, std::size_t begin, const PickleOptions& options)
      : reader_(bytes, begin, kTruncated), options_(options) {
    for (const auto kind : {PickleKind::kNone, PickleKind::kBoolean, PickleKind::kBoolean}) pickle_.nodes.push_back({.kind = kind});
    pickle_.nodes[kTrue].integer = 1;
  }

  Pickle run() {
    constexpr std::uint8_t kStop = '.';
    for (;;) {
      const auto opcode = reader_.number<std::uint8_t>();
      if (opcode == kStop) break;
      if (number(opcode) || string(opcode) || container(opcode) || memo(opcode) || stack(opcode) || call(opcode)) continue;
      fail("opcode " + std::to_string(opcode) + " is not one that checkpoints have");
    }
    pickle_.root = pop();
    pickle_.end = reader_.position();
    return std::move(pickle_);
  }

 private:
  static constexpr PickleId kNothing = 0, kFalse = 1, kTrue = 2;

  PickleNode& node(PickleId id) { return pickle_.nodes[id]; }

  PickleId add(PickleNode made) {
    if (pickle_.nodes.size() >= kNodesMax) throw std::runtime_error("its pickle holds over " + std::to_string(kNodesMax) + " values");
    pickle_.nodes.push_back(std::move(made));
    return static_cast<PickleId>(pickle_.nodes.size() - 1);
  }

  void push(PickleId id) {
    if (stack_.size() >= kNodesMax) throw std::runtime_error("its pickle nests too deeply");
    stack_.push_back(id);
  }
  void push(PickleNode made) { push(add(std::move(made))); }

  // Nothing below the last mark can be reached.
  std::size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }

  PickleId top() const {
    if (stack_.size() <= floor()) fail("its stack is empty");
    return stack_.back();
  }

  PickleId pop() {
    const auto id = top();
    stack_.pop_back();
    return id;
  }

  // What lies above the last mark, which goes too.
  std::vector<PickleId> pop_marked() {
    if (marks_.empty()) fail("a mark is missing");
    std::vector<PickleId> items(stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back()), stack_.end());
    stack_.resize(marks_.back());
    marks_.pop_back();
    return items;
  }

  void push_integer(std::int64_t value) { push({.kind = PickleKind::kInteger, .integer = value}); }

  void push_long(std::size_t size) {
    const auto text = reader_.text(size);
    std::int64_t value = 0;
    if (size > sizeof value) return push({.kind = PickleKind::kBigInteger, .text = text});
    std::memcpy(&value, text.data(), size);
    if (size > 0 && size < sizeof value) {  // the sign is that of the last byte
      const auto unused = 8 * (sizeof value - size);
      value = static_cast<std::int64_t>(static_cast<std::uint64_t>(value) << unused) >> unused;
    }
    push_integer(value);
  }

  bool number(std::uint8_t opcode) {
    switch (opcode) {
      case 'N':
        push(kNothing);
        return true;
      case 0x88:
        push(kTrue);
        return true;
      case 0x89:
        push(kFalse);
        return true;
      case 'J':
        push_integer(reader_.number<std::int32_t>());
        return true;
      case 'K':
        push_integer(reader_.number<std::uint8_t>());
        return true;
      case 'M':
        push_integer(reader_.number<std::uint16_t>());
        return true;
      case 0x8a:
        push_long(reader_.number<std::uint8_t>());
        return true;
      case 0x8b:
        push_long(reader_.number<std::uint32_t>());
        return true;
      case 'G':
        reader_.take(sizeof(double));
        push({.kind = PickleKind::kFloat});
        return true;
      default:
        return false;
    }
  }

  bool push_string(std::size_t size) {
    push({.kind = PickleKind::kString, .text = reader_.text(size)});
    return true;
  }

  bool string(std::uint8_t opcode) {
    switch (opcode) {
      case 'X':  // BINUNICODE
      case 'T':  // BINSTRING, Python 2's
      case 'B':  // BINBYTES
        return push_string(reader_.number<std::uint32_t>());
      case 0x8c:  // SHORT_BINUNICODE
      case 'U':   // SHORT_BINSTRING
      case 'C':   // SHORT_BINBYTES
        return push_string(reader_.number<std::uint8_t>());
      case 0x8d:  // BINUNICODE8
      case 0x8e:  // BINBYTES8
        return push_string(reader_.number<std::uint64_t>());
      default:
        return false;
    }
  }

  bool push_tuple(std::size_t size) {
    PickleNode tuple{.kind = PickleKind::kTuple, .items = std::vector<PickleId>(size)};
    for (auto item = tuple.items.rbegin(); item != tuple.items.rend(); ++item) *item = pop();
    push(std::move(tuple));
    return true;
  }

  bool push_marked(PickleKind kind) {
    auto items = pop_marked();
    if (kind == PickleKind::kDict && items.size() % 2 != 0) fail("a key has no value");
    push({.kind = kind, .items = std::move(items)});
    return true;
  }

  // Into the list or dict below them.
  bool append(PickleKind kind, std::span<const PickleId> items) {
    auto& target = node(top());
    if (target.kind != kind) fail("something is put into what is no container for it");
    if (kind == PickleKind::kDict && items.size() % 2 != 0) fail("a key has no value");
    target.items.insert(target.items.end(), items.begin(), items.end());
    return true;
  }

  bool container(std::uint8_t opcode) {
    switch (opcode) {
      case '}':
        push({.kind = PickleKind::kDict});
        return true;
      case ']':
      case 0x8f:  // EMPTY_SET
        push({.kind = PickleKind::kList});
        return true;
      case ')':
        return push_tuple(0);
      case 0x85:
        return push_tuple(1);
      case 0x86:
        return push_tuple(2);
      case 0x87:
        return push_tuple(3);
      case 't':
        return push_marked(PickleKind::kTuple);
      case 'l':
      case 0x91:  // FROZENSET
        return push_marked(PickleKind::kList);
      case 'd':
        return push_marked(PickleKind::kDict);
      case 'a': {
        const PickleId item = pop();
        return append(PickleKind::kList, {&item, 1});
      }
      case 'e':
      case 0x90:  // ADDITEMS
        return append(PickleKind::kList, pop_marked());
      case 's': {
        const PickleId value = pop();
        const std::array<PickleId, 2> entry = {pop(), value};
        return append(PickleKind::kDict, entry);
      }
      case 'u':
        return append(PickleKind::kDict, pop_marked());
      default:
        return false;
    }
  }

  bool remember(std::size_t index) {
    if (index >= kNodesMax) fail("its memo is too large");
    if (index >= memo_.size()) memo_.resize(index + 1, kUnset);
    memo_[index] = top();
    ++memoized_;
    return true;
  }

  bool recall(std::size_t index) {
    if (index >= memo_.size() || memo_[index] == kUnset) fail("it refers to a value that is not there");
    push(memo_[index]);
    return true;
  }

  bool memo(std::uint8_t opcode) {
    switch (opcode) {
      case 'q':
        return remember(reader_.number<std::uint8_t>());
      case 'r':
        return remember(reader_.number<std::uint32_t>());
      case 0x94:  // MEMOIZE
        return remember(memoized_);
      case 'h':
        return recall(reader_.number<std::uint8_t>());
      case 'j':
        return recall(reader_.number<std::uint32_t>());
      default:
        return false;
    }
  }

  bool stack(std::uint8_t opcode) {
    switch (opcode) {
      case 0x80: {  // PROTO
        constexpr int kProtocolMax = 5;
        if (reader_.number<std::uint8_t>() > kProtocolMax) fail("its protocol is unknown");
        return true;
      }
      case 0x95:  // FRAME
        reader_.number<std::uint64_t>();
        return true;
      case '(':
        if (marks_.size() >= kNodesMax) throw std::runtime_error("its pickle nests too deeply");
        marks_.push_back(stack_.size());
        return true;
      case '0':
        pop();
        return true;
      case '1':
        pop_marked();
        return true;
      case '2':
        push(top());
        return true;
      default:
        return false;
    }
  }

  bool push_global(std::string_view scope, std::string_view name) {
    const auto kind = kind_of_global(scope, name, options_.torchscript);
    if (!kind) refuse_global(scope, name);
    push({.kind = PickleKind::kGlobal, .integer = static_cast<std::int64_t>(*kind), .scope = scope, .text = name});
    return true;
  }

  bool push_stack_global() {
    const auto& name = node(pop());
    const auto& scope = node(pop());
    if (name.kind != PickleKind::kString || scope.kind != PickleKind::kString) fail("a global's name is no string");
    return push_global(std::string_view(scope.text), std::string_view(name.text));
  }

  bool push_storage() {
    const auto& identity = node(pop());
    constexpr std::size_t kIdentityItemsMax = 8;
    if (identity.kind != PickleKind::kTuple || identity.items.empty() || identity.items.size() > kIdentityItemsMax) {
      fail("a tensor's storage is no tuple");
    }
    push({.kind = PickleKind::kStorage, .items = std::vector<PickleId>(identity.items)});
    return true;
  }

  bool reduce() {
    constexpr std::size_t kArgumentsMax = 8;  // they are copied, and one long tuple could be given again and again
    const auto& arguments = node(pop());
    const auto& callable = node(pop());
    if (callable.kind != PickleKind::kGlobal || arguments.kind != PickleKind::kTuple) fail("it calls what cannot be called");
    const auto& items = arguments.items;
    switch (static_cast<GlobalKind>(callable.integer)) {
      case GlobalKind::kOrderedDict:
        if (!items.empty()) fail("an OrderedDict is made of other things than its items");
        push({.kind = PickleKind::kDict});
        return true;
      case GlobalKind::kTensor:
        if (items.size() < 4 || items.size() > kArgumentsMax) fail("a tensor is made of too few or too many things");
        push({.kind = PickleKind::kTensor, .items = items});
        return true;
      case GlobalKind::kParameter:
      case GlobalKind::kTaggedList:
        if (items.empty()) fail("a value is missing");
        push(items.front());
        return true;
      case GlobalKind::kToken:
      case GlobalKind::kScriptClass:
        break;
    }
    refuse_global(callable.scope, callable.text);
  }

  bool new_object() {
    pop();  // arguments, which attribute bags have none of
    const auto& type = node(pop());
    if (type.kind != PickleKind::kGlobal) fail("it makes an object of what is no class");
    if (static_cast<GlobalKind>(type.integer) != GlobalKind::kScriptClass) refuse_global(type.scope, type.text);
    push({.kind = PickleKind::kObject});
    return true;
  }

  bool build() {
    const auto state = pop();
    auto& target = node(top());
    if (target.kind == PickleKind::kObject) {
      target.items.assign(1, state);
    } else if (target.kind != PickleKind::kDict) {  // an OrderedDict's attributes, such as _metadata, say nothing about weights
      fail("it sets the state of what has none");
    }
    return true;
  }

  bool call(std::uint8_t opcode) {
    switch (opcode) {
      case 'c': {
        const auto scope = reader_.line();
        return push_global(scope, reader_.line());
      }
      case 0x93:
        return push_stack_global();
      case 'Q':
        return push_storage();
      case 'R':
        return reduce();
      case 0x81:
        return new_object();
      case 'b':
        return build();
      default:
        return false;
    }
  }

  static constexpr PickleId kUnset = UINT32_MAX;

  ByteReader reader_;
  PickleOptions options_;
  Pickle pickle_;
  std::vector<PickleId> stack_, memo_;
  std::vector<std::size_t> marks_;
  std::size_t memoized_ = 0;
};

}  // namespace

const PickleNode* Pickle::find(const PickleNode& dict, std::string_view key) const {
  if (dict.kind != PickleKind::kDict) return nullptr;
  for (std::size_t i = dict.items.size(); i > 0; i -= 2) {
    const auto& name = nodes[dict.items[i - 2]];
    if (name.kind == PickleKind::kString && name.text == key) return &nodes[dict.items[i - 1]];
  }
  return nullptr;
}

Pickle read_pickle(std::span<const std::byte> bytes, std::size_t begin, const PickleOptions& options) {
  return Machine(bytes, begin, options).run();
}

}  // namespace clipdex::encoder

#include "encoder/pickle_globals.h"

#include <algorithm>
#include <iterator>
#include <stdexcept>
#include <string>

namespace clipdex::encoder {
namespace {

struct KnownGlobal {
  std::string_view scope, name;
  GlobalKind kind;
};

constexpr KnownGlobal kGlobals[] = {
    {"collections", "OrderedDict", GlobalKind::kOrderedDict},
    {"torch._utils", "_rebuild_tensor_v2", GlobalKind::kTensor},
    {"torch._utils", "_rebuild_parameter", GlobalKind::kParameter},
    {"torch", "DoubleStorage", GlobalKind::kToken},
    {"torch", "FloatStorage", GlobalKind::kToken},
    {"torch", "HalfStorage", GlobalKind::kToken},
    {"torch", "BFloat16Storage", GlobalKind::kToken},
    {"torch", "LongStorage", GlobalKind::kToken},
    {"torch", "IntStorage", GlobalKind::kToken},
    {"torch", "ShortStorage", GlobalKind::kToken},
    {"torch", "CharStorage", GlobalKind::kToken},
    {"torch", "ByteStorage", GlobalKind::kToken},
    {"torch", "BoolStorage", GlobalKind::kToken},
    {"torch", "float64", GlobalKind::kToken},
    {"torch", "float32", GlobalKind::kToken},
    {"torch", "float16", GlobalKind::kToken},
    {"torch", "bfloat16", GlobalKind::kToken},
    {"torch", "int64", GlobalKind::kToken},
    {"torch", "int32", GlobalKind::kToken},
    {"torch", "int16", GlobalKind::kToken},
    {"torch", "int8", GlobalKind::kToken},
    {"torch", "uint8", GlobalKind::kToken},
    {"torch", "bool", GlobalKind::kToken},
};

constexpr KnownGlobal kScriptGlobals[] = {
    {"torch.jit._pickle", "build_intlist", GlobalKind::kTaggedList},    {"torch.jit._pickle", "build_doublelist", GlobalKind::kTaggedList},
    {"torch.jit._pickle", "build_boollist", GlobalKind::kTaggedList},   {"torch.jit._pickle", "build_tensorlist", GlobalKind::kTaggedList},
    {"torch.jit._pickle", "restore_type_tag", GlobalKind::kTaggedList},
};

// For a message: a hostile name must not steer a terminal or fill it.
std::string shown(std::string_view name) {
  constexpr std::size_t kShown = 80;
  std::string text(name.substr(0, kShown));
  for (auto& c : text) c = c < ' ' || c > '~' ? '?' : c;
  return text + (name.size() > kShown ? "..." : "");
}

}  // namespace

std::optional<GlobalKind> kind_of_global(std::string_view scope, std::string_view name, bool torchscript) {
  const auto matches = [&](const KnownGlobal& known) { return known.scope == scope && known.name == name; };
  if (const auto* known = std::find_if(std::begin(kGlobals), std::end(kGlobals), matches); known != std::end(kGlobals)) return known->kind;
  if (!torchscript) return std::nullopt;
  if (scope == "__torch__" || scope.starts_with("__torch__.")) return GlobalKind::kScriptClass;
  const auto* known = std::find_if(std::begin(kScriptGlobals), std::end(kScriptGlobals), matches);
  return known == std::end(kScriptGlobals) ? std::nullopt : std::optional(known->kind);
}

void refuse_global(std::string_view scope, std::string_view name) {
  throw std::runtime_error(
      "its pickle wants to call Python's " + shown(scope) + "." + shown(name) +
      ", and clipdex runs no code from a checkpoint. If you trust the file, load it with the tool that made it and save " +
      "the state_dict as safetensors");
}

}  // namespace clipdex::encoder

// Which of Python's names a checkpoint's pickle may use: data types and the functions that put tensors together, nothing else. Private to
// encoder/.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace clipdex::encoder {

// What a global may be used for.
enum class GlobalKind : std::uint8_t { kOrderedDict, kTensor, kParameter, kTaggedList, kToken, kScriptClass };

// Nothing for a name that is not known. torchscript: of an archive of TorchScript, whose classes are bags of attributes here.
std::optional<GlobalKind> kind_of_global(std::string_view scope, std::string_view name, bool torchscript);

// Throws std::runtime_error that names it and says what to do instead.
[[noreturn]] void refuse_global(std::string_view scope, std::string_view name);

}  // namespace clipdex::encoder

#include "encoder/openai_vocabulary.h"

#include <nlohmann/json.hpp>
#include <vector>

#include "encoder/tokenizer_files.h"

namespace clipdex::encoder {

OpenAiVocabulary read_openai_vocabulary(const std::filesystem::path& file) {
  constexpr std::size_t kMerges = 49152 - 256 - 2;  // of the 262,144 in OpenAI's file
  OpenAiVocabulary vocabulary{.merges = read_merges(file, kMerges), .ids = {}};
  auto& ids = vocabulary.ids;
  const auto add = [&](const std::string& token) { ids.try_emplace(token, static_cast<std::int32_t>(ids.size())); };
  for (const auto byte : byte_order()) add(byte_symbol(byte));
  for (const auto byte : byte_order()) add(byte_symbol(byte) + "</w>");
  for (const auto& [left, right] : vocabulary.merges) add(left + right);
  add(kStartOfText);
  add(kEndOfText);
  if (ids.size() != 512 + vocabulary.merges.size() + 2) fail_tokenizer(file, "a merge is there twice");
  return vocabulary;
}

std::string vocab_json_text(const Vocabulary& ids) {
  std::vector<std::string> tokens(ids.size());
  for (const auto& [token, id] : ids) tokens.at(static_cast<std::size_t>(id)) = token;
  nlohmann::ordered_json object = nlohmann::ordered_json::object();
  // Not through operator[], which looks for the key among all those before.
  auto& entries = object.get_ref<nlohmann::ordered_json::object_t&>();
  for (std::size_t id = 0; id < tokens.size(); ++id) entries.push_back({tokens[id], id});
  return object.dump() + "\n";
}

std::string merges_txt_text(const Merges& merges) {
  std::string text = "#version: 0.2\n";
  for (const auto& [left, right] : merges) text.append(left).append(" ").append(right).append("\n");
  return text;
}

}  // namespace clipdex::encoder

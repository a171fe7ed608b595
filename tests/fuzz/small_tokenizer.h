// The bytes' tokenizer with a few merges, in both of its forms: quick to read, and what a fuzzer can take apart.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>

#include "encoder/byte_pair_encoding.h"
#include "encoder/tokenizer.h"
#include "tests/fuzz/memory_file.h"

namespace clipdex::fuzz {

inline constexpr std::pair<const char*, const char*> kSmallMerges[] = {{"t", "h"}, {"th", "e</w>"}, {"c", "a"},          {"ca", "t</w>"},
                                                                       {"a", "a"}, {"aa", "aa"},    {"\u00E2", "\u0122"}};

inline encoder::Tokenizer open_bytes(std::string_view bytes, encoder::Tokenizer (*read)(const std::filesystem::path&)) {
  const MemoryFile file(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  return read(file.path());
}

inline encoder::Tokenizer small_openai_tokenizer() {
  std::string merges = "#version: 0.2\n";
  for (const auto& [left, right] : kSmallMerges) merges += std::string(left) + " " + right + "\n";
  return open_bytes(merges, encoder::Tokenizer::from_merges);
}

// Added tokens of every kind are there.
inline std::string small_tokenizer_json() {
  using nlohmann::json;
  json vocabulary = json::object(), merges = json::array();
  const auto add = [&](const std::string& token) { vocabulary[token] = vocabulary.size(); };
  for (const auto* suffix : {"", "</w>"}) {
    for (const auto byte : encoder::byte_order()) add(encoder::byte_symbol(byte) + suffix);
  }
  for (const auto& [left, right] : kSmallMerges) {
    add(std::string(left) + right);
    merges.push_back(json::array({left, right}));
  }
  add("<|startoftext|>");
  add("<|endoftext|>");
  const std::size_t start = vocabulary.size() - 2, size = vocabulary.size();
  json file = json::parse(R"({"version": "1.0", "truncation": null, "padding": null,
    "normalizer": {"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "Replace", "pattern": {"Regex": "\\s+"}, "content": " "},
      {"type": "Lowercase"}]},
    "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Split",
      "pattern": {"Regex": "<\\|startoftext\\|>|<\\|endoftext\\|>|'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+"},
      "behavior": "Removed", "invert": true}, {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true}]},
    "decoder": null})");
  file["model"] = {{"type", "BPE"},    {"unk_token", "<|endoftext|>"}, {"end_of_word_suffix", "</w>"},
                   {"fuse_unk", true}, {"vocab", vocabulary},          {"merges", merges}};
  file["post_processor"] = {
      {"type", "RobertaProcessing"}, {"cls", json::array({"<|startoftext|>", start})}, {"sep", json::array({"<|endoftext|>", start + 1})}};
  file["added_tokens"] = {{{"id", start}, {"content", "<|startoftext|>"}, {"special", true}, {"normalized", true}},
                          {{"id", start + 1}, {"content", "<|endoftext|>"}, {"special", true}, {"normalized", false}},
                          {{"id", size}, {"content", "<m>"}, {"special", true}, {"lstrip", true}, {"rstrip", true}},
                          {{"id", size + 1}, {"content", "Cat"}, {"normalized", true}, {"single_word", true}},
                          {{"id", size + 2}, {"content", "\u00E9\u00E9"}, {"normalized", true}, {"lstrip", true}}};
  return file.dump();
}

inline encoder::Tokenizer small_json_tokenizer() { return open_bytes(small_tokenizer_json(), encoder::Tokenizer::from_tokenizer_json); }

}  // namespace clipdex::fuzz

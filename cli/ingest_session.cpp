#include "cli/ingest_session.h"

#include <xxhash.h>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <iterator>
#include <numeric>
#include <utility>

#include "cli/table.h"
#include "engine/identifiers.h"
#include "http/client.h"
#include "http/json_text.h"

namespace clipdex::cli {
namespace {

constexpr std::size_t kImagesPerRequest = 64, kImagesPerWindow = 1024;
constexpr std::size_t kNameColumns = 200, kReasonColumns = 1000;
constexpr int kPayloadTooLarge = 413;

// The server will not have a request; one image of it may be to blame while the others are good.
bool refuses_request(const http::ClientError& error) {
  return error.code() == "malformed_request" || error.code() == "invalid_value" || error.status() == kPayloadTooLarge;
}

// The server will take the same request later.
bool is_busy(const http::ClientError& error) {
  constexpr int kTooManyRequests = 429, kServiceUnavailable = 503;
  return error.status() == kTooManyRequests || error.status() == kServiceUnavailable;
}

std::uint64_t hash_of(const std::string& text) { return XXH3_64bits(text.data(), text.size()); }

}  // namespace

IngestSession::IngestSession(Target& target, Options options, Progress& progress, const StopSignal& stop)
    : target_(target), options_(std::move(options)), progress_(progress), stop_(stop), bytes_max_(target.ingest_bytes_max()) {}

std::size_t IngestSession::done() const { return std::accumulate(counts_.begin(), counts_.end(), std::size_t{0}); }

void IngestSession::add(Input input) {
  Held held{.input = std::move(input), .version = {}, .result = {}};
  check(held);
  const std::size_t bytes = held.result ? 0
                                        : held.input.bytes.size() + 2 * (held.input.source.size() + held.version.id.size()) +
                                              (held.input.metadata ? held.input.metadata->size() : 0);
  if (bytes > bytes_max_) {
    held.result = {.id = held.version.id,
                   .source = held.input.source,
                   .error_code = "image_too_large",
                   .error = "picture and metadata have " + std::to_string(bytes) + " bytes, and " + std::to_string(bytes_max_) +
                            " are the limit here"};
  }
  if (window_.size() == kImagesPerWindow || window_bytes_ + bytes > bytes_max_) send_window();
  window_bytes_ += held.result ? 0 : bytes;
  window_.push_back(std::move(held));
}

void IngestSession::finish() { send_window(); }

// Sets the result of what cannot be ingested.
void IngestSession::check(Held& held) {
  auto& input = held.input;
  if (!input.error.empty()) {
    held.result = {.id = input.id.value_or(""), .source = input.source, .error_code = input.error_code, .error = input.error};
    return;
  }
  held.version.content_hash = engine::content_hash(input.bytes);
  held.version.id = input.id.value_or(held.version.content_hash);
  held.version.metadata = input.metadata;
  const auto version = hash_of(held.version.content_hash + (input.metadata ? *input.metadata : ""));
  const auto [first, is_new] = seen_.try_emplace(hash_of(held.version.id), version);
  if (is_new || first->second == version) return;
  held.result = {.id = held.version.id,
                 .source = input.source,
                 .error_code = "duplicate_id",
                 .error = "the id \"" + held.version.id + "\" came before in this run, with another picture or other metadata"};
}

// What the call returns, which is made again while the server is busy. Nothing if a stop was requested meanwhile.
template <typename Call>
auto IngestSession::patiently(const Call& call) -> std::optional<decltype(call())> {
  constexpr int kTriesMax = 8;
  constexpr std::chrono::seconds kPauseMax{60};
  std::chrono::seconds pause{1};
  for (int tries = 1;; ++tries) {
    auto wait = pause;
    try {
      return call();
    } catch (const http::ClientError& error) {
      if (!is_busy(error) || tries == kTriesMax) throw;
      // Servers that are asked too often say a second to everybody.
      wait = std::clamp(error.retry_after().value_or(pause), pause, std::max(pause, kPauseMax));
      progress_.message("the server is busy (" + printable(error.what(), kReasonColumns) + "): trying again in " +
                        std::to_string(wait.count()) + " s");
    }
    if (stop_.wait_for(wait)) return std::nullopt;
    pause = std::min(2 * pause, kPauseMax);
  }
}

void IngestSession::send_window() {
  try {
    ask_what_is_known();
    send_batches();
  } catch (...) {
    tell_rest();
    throw;
  }
  tell_rest();
}

void IngestSession::ask_what_is_known() {
  std::vector<engine::ImageVersion> versions;
  std::vector<Held*> asked;
  for (auto& held : window_) {
    if (held.result) continue;
    versions.push_back(held.version);
    asked.push_back(&held);
  }
  if (asked.empty() || stop_.requested()) return;
  std::optional<std::vector<bool>> known;
  try {
    known = patiently([&] { return target_.known(options_.collection, versions); });
  } catch (const http::ClientError& error) {
    if (!refuses_request(error)) throw;
    return;  // then the batches, which are smaller, find out whose fault it is
  }
  for (std::size_t i = 0; known && i < asked.size(); ++i) {
    if (!(*known)[i]) continue;
    asked[i]->result = {.status = engine::IngestStatus::kUnchanged, .id = asked[i]->version.id, .source = asked[i]->input.source};
  }
}

void IngestSession::send_batches() {
  std::vector<Held*> left;
  for (auto& held : window_) {
    if (!held.result) left.push_back(&held);
  }
  for (std::size_t begin = 0; begin < left.size() && !stop_.requested();) {
    const std::size_t end = std::min(begin + kImagesPerRequest, left.size());
    std::vector<engine::IngestItem> items;
    items.reserve(end - begin);
    for (std::size_t i = begin; i < end; ++i) {
      auto& input = left[i]->input;
      items.push_back({.id = input.id, .bytes = std::move(input.bytes), .source = input.source, .metadata = std::move(input.metadata)});
    }
    auto results = send(items);
    for (std::size_t i = 0; i < results.size(); ++i) left[begin + i]->result = std::move(results[i]);
    begin = end;
    tell_in_order();
  }
}

// Throws what the target throws, but what one image of several is to blame for fails that one only. After a stop, of the first images only.
std::vector<engine::IngestResult> IngestSession::send(std::span<const engine::IngestItem> items) {
  try {
    return patiently([&] { return target_.ingest(options_.collection, items); }).value_or(std::vector<engine::IngestResult>());
  } catch (const http::ClientError& error) {
    if (!refuses_request(error)) throw;
    if (items.size() == 1) {
      const auto& item = items.front();
      return std::vector{
          engine::IngestResult{.id = item.id.value_or(""), .source = item.source, .error_code = error.code(), .error = error.what()}};
    }
    auto results = send(items.first(items.size() / 2));
    if (results.size() < items.size() / 2) return results;
    auto others = send(items.subspan(items.size() / 2));
    std::move(others.begin(), others.end(), std::back_inserter(results));
    return results;
  }
}

// From where telling has come to, as far as fates are known.
void IngestSession::tell_in_order() {
  for (; told_ < window_.size() && window_[told_].result; ++told_) tell(window_[told_]);
  std::cout.flush();  // whoever reads along sees what is stored
}

void IngestSession::tell_rest() {
  for (; told_ < window_.size(); ++told_) {
    if (window_[told_].result) tell(window_[told_]);
  }
  std::cout.flush();
  window_.clear();
  window_bytes_ = 0;
  told_ = 0;
}

void IngestSession::tell(const Held& held) {
  const auto& result = *held.result;
  ++counts_[static_cast<std::size_t>(result.status)];
  if (options_.json) std::cout << http::to_json_text(result) << '\n';
  if (result.status == engine::IngestStatus::kFailed) {
    progress_.message("failed: " + printable(result.source, kNameColumns) + ": " + printable(result.error, kReasonColumns));
    if (options_.errors != nullptr) options_.errors->add(held.input.where, result.id, result.error_code, result.error);
  }
  progress_.advance(1);
}

}  // namespace clipdex::cli

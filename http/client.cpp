#include "http/client.h"

#include <httplib.h>

#include <charconv>

#include "http/base64.h"
#include "http/json_classify.h"
#include "http/json_ingest.h"
#include "http/json_search.h"

namespace clipdex::http {
namespace {

constexpr std::chrono::seconds kConnectTimeout{5};
constexpr std::chrono::seconds kAnswerTimeout{600};  // encoding a large batch takes its time

std::string encode_segment(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || c == '-' || c == '_' || c == '.' || c == '~') {
      out += c;
    } else {
      char escaped[4];
      std::snprintf(escaped, sizeof escaped, "%%%02X", byte);
      out += escaped;
    }
  }
  return out;
}

// In seconds; a date, which may be there too, is not understood.
std::optional<std::chrono::seconds> retry_after(const httplib::Response& response) {
  const auto text = response.get_header_value("Retry-After");
  unsigned seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return std::chrono::seconds(seconds);
}

std::string collection_path(std::string_view name) { return "/v1/collections/" + encode_segment(name); }
std::string image_path(std::string_view collection, std::string_view id) {
  return collection_path(collection) + "/images/" + encode_segment(id);
}

}  // namespace

struct Client::Impl {
  explicit Impl(const std::string& url_) : url(url_), client(url_) {
    client.set_connection_timeout(kConnectTimeout);
    client.set_read_timeout(kAnswerTimeout);
    client.set_write_timeout(kAnswerTimeout);
    client.set_keep_alive(true);
    client.set_tcp_nodelay(true);
    client.set_url_encode(false);  // paths are encoded here, where ids may hold slashes
  }

  ClientError bad_answer(int status) const {
    return {status, "bad_answer", url + " does not answer as clipdex does: is another program listening there?"};
  }

  // The answer's JSON; null for an empty one. An error with the code `missing` gives nothing.
  std::optional<json> answer(const httplib::Result& result, std::string_view missing = "") const {
    if (!result) {
      throw ClientError(0, "no_answer",
                        "no answer from " + url + " (" + httplib::to_string(result.error()) +
                            "): is clipdex serving there? Start it with \"clipdex serve\", or name another address with --server");
    }
    if (result->status >= 200 && result->status < 300) {
      if (result->body.empty()) return json();
      auto body = json::parse(result->body, nullptr, false);
      if (!body.is_discarded()) return body;
      throw bad_answer(result->status);
    }
    const auto body = json::parse(result->body, nullptr, false);
    if (body.is_object() && body.contains("error") && body["error"].is_object()) {
      const auto code = body["error"].value("code", "");
      if (!missing.empty() && code == missing) return std::nullopt;
      throw ClientError(result->status, code, body["error"].value("message", "the server refused the request"), retry_after(*result));
    }
    throw ClientError(
        result->status, "bad_answer",
        url + " answered with status " + std::to_string(result->status) + " and not as clipdex does: is another program listening there?");
  }

  // What `read` makes of an answer, which may be another program's JSON.
  template <typename Read>
  auto understood(const Read& read) const -> decltype(read()) {
    try {
      return read();
    } catch (const json::exception&) {
      throw bad_answer(0);
    }
  }

  std::string url;
  httplib::Client client;
};

Client::Client(const std::string& url) {
  if (!url.starts_with("http://") && !url.starts_with("https://"))
    throw std::invalid_argument("\"" + url + "\" is not an address like http://127.0.0.1:8080");
  std::string trimmed = url;
  while (trimmed.ends_with('/')) trimmed.pop_back();
  impl_ = std::make_unique<Impl>(trimmed);
  if (!impl_->client.is_valid()) throw std::invalid_argument("\"" + url + "\" is not an address like http://127.0.0.1:8080");
}

Client::~Client() = default;

void Client::create_collection(std::string_view name, const engine::CollectionSettings& settings) {
  impl_->answer(impl_->client.Put(collection_path(name), to_json(settings).dump(), "application/json"));
}

bool Client::drop_collection(std::string_view name) {
  return impl_->answer(impl_->client.Delete(collection_path(name)), "collection_not_found").has_value();
}

std::vector<engine::CollectionStatistics> Client::collections() {
  return impl_->understood([&] {
    const auto body = impl_->answer(impl_->client.Get("/v1/collections"));
    std::vector<engine::CollectionStatistics> all;
    for (const auto& value : body->at("collections")) all.push_back(parse_statistics(value));
    return all;
  });
}

std::vector<engine::UnusableCollection> Client::unusable_collections() {
  return impl_->understood([&] {
    const auto body = impl_->answer(impl_->client.Get("/v1/collections"));
    std::vector<engine::UnusableCollection> all;
    for (const auto& value : body->at("unusable")) all.push_back({value.at("name"), value.at("reason")});
    return all;
  });
}

std::optional<engine::CollectionStatistics> Client::collection(std::string_view name) {
  return impl_->understood([&]() -> std::optional<engine::CollectionStatistics> {
    const auto body = impl_->answer(impl_->client.Get(collection_path(name)), "collection_not_found");
    if (!body) return std::nullopt;
    return parse_statistics(*body);
  });
}

std::vector<engine::IngestResult> Client::ingest(std::string_view collection, std::span<const engine::IngestItem> items) {
  return impl_->understood([&] {
    const auto body = impl_->answer(impl_->client.Post(collection_path(collection) + "/images", to_json(items).dump(), "application/json"));
    std::vector<engine::IngestResult> results;
    for (const auto& value : body->at("results")) results.push_back(parse_ingest_result(value));
    return results;
  });
}

std::vector<bool> Client::known(std::string_view collection, std::span<const engine::ImageVersion> versions) {
  return impl_->understood([&] {
    const auto body =
        impl_->answer(impl_->client.Post(collection_path(collection) + "/known", to_json(versions).dump(), "application/json"));
    auto known = body->at("known").get<std::vector<bool>>();
    if (known.size() != versions.size()) throw impl_->bad_answer(0);
    return known;
  });
}

engine::SearchResult Client::search(std::string_view collection, const engine::SearchRequest& request) {
  return impl_->understood([&] {
    return parse_search_result(
        *impl_->answer(impl_->client.Post(collection_path(collection) + "/search", to_json(request).dump(), "application/json")));
  });
}

engine::ClassificationResult Client::classify(const std::string& image, const engine::LabelSet& set, std::size_t top) {
  return impl_->understood([&] {
    const auto body = to_json(ClassifyCall{.image = image, .set = set, .top = top}).dump();
    return parse_classification(*impl_->answer(impl_->client.Post("/v1/classify", body, "application/json")));
  });
}

engine::ImagePage Client::list(std::string_view collection, std::string_view after_id, std::size_t limit) {
  return impl_->understood([&] {
    std::string path = collection_path(collection) + "/images?limit=" + std::to_string(limit);
    if (!after_id.empty()) path += "&cursor=" + encode_base64url(after_id);
    const auto body = impl_->answer(impl_->client.Get(path));
    engine::ImagePage page;
    for (const auto& value : body->at("images")) page.images.push_back(parse_record(value));
    if (body->at("next_cursor").is_string()) page.next_after_id = decode_base64url(body->at("next_cursor").get<std::string>()).value_or("");
    return page;
  });
}

std::optional<engine::ImageRecord> Client::get(std::string_view collection, std::string_view id) {
  return impl_->understood([&]() -> std::optional<engine::ImageRecord> {
    const auto body = impl_->answer(impl_->client.Get(image_path(collection, id)), "image_not_found");
    if (!body) return std::nullopt;
    return parse_record(*body);
  });
}

std::optional<std::string> Client::content(std::string_view collection, std::string_view id, engine::ContentSize size) {
  auto result = impl_->client.Get(image_path(collection, id) +
                                  "/content?size=" + (size == engine::ContentSize::kThumbnail ? "thumbnail" : "original"));
  if (result && result->status == 200) return std::move(result->body);
  // An error, then, of which two say that there is nothing.
  try {
    if (impl_->answer(result, "image_not_found")) throw impl_->bad_answer(result->status);
  } catch (const ClientError& error) {
    if (error.code() != "content_not_stored") throw;
  }
  return std::nullopt;
}

bool Client::remove(std::string_view collection, std::string_view id) {
  return impl_->answer(impl_->client.Delete(image_path(collection, id)), "image_not_found").has_value();
}

engine::NamedSnapshot Client::create_snapshot(std::string_view name) {
  return impl_->understood([&] {
    json request = json::object();
    if (!name.empty()) request["name"] = name;
    const auto body = impl_->answer(impl_->client.Post("/v1/snapshots", request.dump(), "application/json"));
    return engine::NamedSnapshot{.path = body->at("path").get<std::string>(),
                                 .info = {.collections = body->at("collections"),
                                          .images = body->at("images"),
                                          .bytes = body->at("bytes"),
                                          .milliseconds = body->at("took_ms")}};
  });
}

std::vector<std::string> Client::snapshots() {
  return impl_->understood([&] {
    std::vector<std::string> names;
    const auto body = impl_->answer(impl_->client.Get("/v1/snapshots"));
    for (const auto& snapshot : body->at("snapshots")) names.push_back(snapshot);
    return names;
  });
}

std::size_t Client::body_bytes_max() {
  return impl_->understood([&] { return impl_->answer(impl_->client.Get("/v1/info"))->at("limits").at("body_bytes").get<std::size_t>(); });
}

}  // namespace clipdex::http

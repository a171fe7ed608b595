#include "http/base64.h"
#include "http/errors.h"
#include "http/json_ingest.h"
#include "http/json_search.h"
#include "http/router.h"

namespace clipdex::http {
namespace {

HttpError image_not_found(const Call& call) {
  return {404, "image_not_found", "there is no image \"" + call.values[1] + "\" in the collection \"" + call.values[0] + "\""};
}

}  // namespace

void post_images(Call& call) {
  call.allow_parameters({});
  const auto collection = call.collection();
  std::vector<engine::IngestItem> items;
  if (call.body.multipart) {
    items = parse_ingest_form(std::move(call.body), call.options.images_per_request_max, call.options.json_depth_max);
  } else {
    json body = call.json_body();
    call.body.text = {};
    items = parse_ingest(Fields(body, ""), call.options.images_per_request_max);
  }
  json results = json::array();
  for (const auto& result : collection->ingest(items)) {
    call.engine.metrics().ingested(result.status).add();
    results.push_back(to_json(result));
  }
  call.answer(200, {{"results", std::move(results)}});
}

void post_known(Call& call) {
  call.allow_parameters({});
  const auto collection = call.collection();
  const json body = call.json_body();
  const auto versions = parse_versions(Fields(body, ""), call.options.images_per_request_max);
  json known = json::array();
  for (const bool is_known : engine::known_images(*collection, versions)) known.push_back(is_known);
  call.answer(200, {{"known", std::move(known)}});
}

void list_images(Call& call) {
  call.allow_parameters({"limit", "cursor"});
  constexpr std::size_t kLimitDefault = 100, kLimitMax = 1000;
  const auto limit = call.count_parameter("limit").value_or(kLimitDefault);
  if (limit < 1 || limit > kLimitMax) throw invalid_value("limit is " + std::to_string(limit) + ", and 1 to 1000 is possible");
  std::string after;
  if (call.request.has_param("cursor")) {
    auto decoded = decode_base64url(call.request.get_param_value("cursor"));
    if (!decoded) throw malformed("the cursor is none of ours: it is \"next_cursor\" of an earlier answer");
    after = std::move(*decoded);
  }
  const auto page = call.collection()->list(after, limit);
  json images = json::array();
  auto next_after = page.next_after_id;
  std::size_t bytes = 0;
  for (const auto& record : page.images) {
    bytes += record.source.size() + record.metadata.size();
    if (!images.empty() && bytes > engine::kSearchRecordBytesMax) {
      next_after = page.images[images.size() - 1].id;  // a page is shorter where metadata are long
      break;
    }
    images.push_back(to_json(record));
  }
  json next = next_after.empty() ? json(nullptr) : json(encode_base64url(next_after));
  call.answer(200, {{"images", std::move(images)}, {"next_cursor", std::move(next)}});
}

void get_image(Call& call) {
  call.allow_parameters({});
  const auto record = call.collection()->get(call.values[1]);
  if (!record) throw image_not_found(call);
  call.answer(200, to_json(*record));
}

void get_content(Call& call) {
  call.allow_parameters({"size"});
  const std::string size = call.request.has_param("size") ? call.request.get_param_value("size") : "thumbnail";
  if (size != "thumbnail" && size != "original") throw invalid_value("size is \"" + size + "\", and thumbnail and original are possible");
  const bool thumbnail = size == "thumbnail";
  const auto collection = call.collection();
  auto record = collection->get(call.values[1]);
  if (!record) throw image_not_found(call);
  const auto tag_of = [thumbnail](const engine::ImageRecord& of) { return "\"" + of.content_hash + (thumbnail ? "-t\"" : "-o\""); };
  call.response.set_header("Cache-Control", "private, max-age=0, must-revalidate");
  // What is shown is always of a format that we have decoded, whatever its bytes look like to a browser.
  call.response.set_header("X-Content-Type-Options", "nosniff");
  if (call.request.get_header_value("If-None-Match") == tag_of(*record)) {
    call.response.set_header("ETag", tag_of(*record));
    call.response.status = 304;
    return;
  }
  std::optional<std::string> content;
  // The record and the bytes are read one after the other: they are of one version if the record is the same afterwards.
  constexpr int kTurns = 10;
  int turns = 0;
  for (bool same = false; !same; ++turns) {
    if (turns == kTurns) throw HttpError(503, "overloaded", "the image is replaced all the time: try again later");
    content = collection->content(call.values[1], thumbnail ? engine::ContentSize::kThumbnail : engine::ContentSize::kOriginal);
    auto now = collection->get(call.values[1]);
    if (!now) throw image_not_found(call);
    same = now->row == record->row;
    record = std::move(now);
  }
  if (!content) {
    throw HttpError(404, "content_not_stored",
                    "the collection \"" + call.values[0] + "\" does not keep " + (thumbnail ? "thumbnails" : "originals") +
                        ": what is kept is chosen with \"store\" when a collection is made");
  }
  call.response.set_header("ETag", tag_of(*record));
  call.response.set_content(std::move(*content), thumbnail ? "image/jpeg" : "image/" + record->format);
}

void patch_image(Call& call) {
  call.allow_parameters({});
  const json patch = call.json_body();
  if (!patch.is_object()) throw malformed("the body is not a JSON object: it is a merge patch of the metadata (RFC 7396)");
  const auto record = call.collection()->patch_metadata(call.values[1], patch.dump());
  if (!record) throw image_not_found(call);
  call.answer(200, to_json(*record));
}

void delete_image(Call& call) {
  call.allow_parameters({});
  if (!call.collection()->remove(call.values[1])) throw image_not_found(call);
  call.response.status = 204;
}

}  // namespace clipdex::http

#include "http/errors.h"
#include "http/json_ingest.h"
#include "http/router.h"

namespace clipdex::http {

void list_collections(Call& call) {
  call.allow_parameters({});
  json collections = json::array();
  for (const auto& collection : call.engine.collections()) collections.push_back(to_json(collection->statistics()));
  json unusable = json::array();
  for (const auto& bad : call.engine.unusable_collections()) unusable.push_back({{"name", bad.name}, {"reason", bad.reason}});
  call.answer(200, {{"collections", std::move(collections)}, {"unusable", std::move(unusable)}});
}

void put_collection(Call& call) {
  call.allow_parameters({});
  engine::CollectionSettings settings;
  if (call.body.multipart || !call.body.text.empty()) {
    const json body = call.json_body();
    settings = parse_settings(Fields(body, ""));
  }
  const auto [collection, created] = call.engine.create_collection(call.values[0], settings);
  call.answer(created ? 201 : 200, to_json(collection->statistics()));
}

void get_collection(Call& call) {
  call.allow_parameters({});
  call.answer(200, to_json(call.collection()->statistics()));
}

void delete_collection(Call& call) {
  call.allow_parameters({});
  if (!call.engine.drop_collection(call.values[0]))
    throw HttpError(404, "collection_not_found", "there is no collection \"" + call.values[0] + "\"");
  call.response.status = 204;
}

}  // namespace clipdex::http

#include <filesystem>

#include "http/errors.h"
#include "http/router.h"

namespace clipdex::http {

void post_snapshot(Call& call) {
  call.allow_parameters({});
  std::string name;
  if (call.body.multipart || !call.body.text.empty()) {
    const json body = call.json_body();
    const Fields fields(body, "");
    fields.allow({"name"});
    name = fields.text("name").value_or("");
    if (fields.has("name") && name.empty()) throw invalid_value("\"name\" is empty: leave it out for a snapshot that is named by the time");
  }
  const auto made = call.engine.create_named_snapshot(name);
  call.answer(201, {{"name", made.path.filename().string()},
                    {"path", made.path.string()},
                    {"collections", made.info.collections},
                    {"images", made.info.images},
                    {"bytes", made.info.bytes},
                    {"took_ms", made.info.milliseconds}});
}

void list_snapshots(Call& call) {
  call.allow_parameters({});
  call.answer(200, {{"snapshots", call.engine.snapshots()}});
}

void delete_snapshot(Call& call) {
  call.allow_parameters({});
  if (!call.engine.drop_snapshot(call.values[0]))
    throw HttpError(404, "snapshot_not_found", "there is no snapshot \"" + call.values[0] + "\": GET /v1/snapshots lists them");
  call.response.status = 204;
}

}  // namespace clipdex::http

#include "http/router.h"

namespace clipdex::http {

void get_info(Call& call) {
  call.allow_parameters({});
  const auto& model = call.engine.encoder().info();
  const auto& limits = call.engine.limits();
  call.answer(200, {{"name", "clipdex"},
                    {"version", CLIPDEX_VERSION},
                    {"model",
                     {{"name", model.name},
                      {"architecture", model.architecture},
                      {"dimension", call.engine.encoder().dimension()},
                      {"parameters", model.parameters},
                      {"fingerprint", model.fingerprint},
                      {"texts", call.engine.encoder().tokenizer() != nullptr},
                      {"device", engine::name_of(call.engine.encoder().device())},
                      {"precision", engine::name_of(call.engine.encoder().precision())}}},
                    {"limits",
                     {{"body_bytes", call.options.body_bytes_max},
                      {"images_per_request", call.options.images_per_request_max},
                      {"image_bytes", limits.bytes_max},
                      {"image_pixels", limits.pixels_max},
                      {"image_side", limits.side_max},
                      {"json_depth", call.options.json_depth_max},
                      {"search_limit", engine::kSearchLimitMax},
                      {"classify_prompts", engine::kServedPromptsMax}}},
                    {"collections", call.engine.collections().size()}});
}

void get_health(Call& call) { call.answer(200, {{"status", "ok"}}); }

void get_readiness(Call& call) { call.answer(call.stopping ? 503 : 200, {{"status", call.stopping ? "stopping" : "ready"}}); }

void get_openapi(Call& call) {
  call.allow_parameters({});
  call.response.status = 200;
  call.response.set_content(call.server.openapi, "application/json");
}

}  // namespace clipdex::http

// The API's description: OpenAPI 3.1 made from the route table. Private to http/.
#pragma once

#include <string>

#include "http/json_fields.h"

namespace clipdex::engine {
class Engine;
}

namespace clipdex::http {

struct ServerOptions;

// https://spec.openapis.org/oas/v3.1.0; limits are those of this server and its model.
json openapi_document(const ServerOptions& options, const engine::Engine& engine);

// Its components: schemas, parameters, request bodies, the error answer.
json openapi_components(const ServerOptions& options, const engine::Engine& engine);

}  // namespace clipdex::http

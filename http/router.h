// Which handler answers which method and path. Private to http/: cpp-httplib shows here.
#pragma once

#include <httplib.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/engine.h"
#include "http/body.h"
#include "http/json_fields.h"
#include "http/server.h"

namespace clipdex::http {

// One request on its way through a handler.
struct Call {
  engine::Engine& engine;
  const ServerOptions& options;
  bool stopping = false;
  std::vector<std::string> values;  // of the pattern's {} segments, percent-decoded
  const httplib::Request& request;
  httplib::Response& response;
  Body body;

  // The collection that the first {} names; 404 if there is none.
  std::shared_ptr<engine::Collection> collection() const;
  // The body as JSON. 400 if it is empty or none.
  json json_body() const;
  // Refuses query parameters that are not among these.
  void allow_parameters(std::initializer_list<std::string_view> names) const;
  std::optional<std::size_t> count_parameter(const std::string& name) const;
  void answer(int status, const json& value) const;
};

using Handler = void (*)(Call&);

struct Route {
  std::string_view method;
  std::string_view pattern;  // "/v1/collections/{}/images/{}": {} is one segment, whatever it holds
  Handler handler;
};

struct Match {
  Handler handler = nullptr;
  std::vector<std::string> values;
};

// target: the request line's, with its query, still percent-encoded: an id may hold "%2F". HEAD is answered by GET's handlers.
// Throws HttpError: 404 for an unknown path, 405 (with the methods that exist) for a known one, 400 for a broken percent-encoding.
Match find_route(std::string_view method, std::string_view target);

// "%2F" -> "/"; nothing for a broken sequence.
std::optional<std::string> percent_decode(std::string_view text);

// The handlers, by file.
void list_collections(Call& call);
void put_collection(Call& call);
void get_collection(Call& call);
void delete_collection(Call& call);
void post_images(Call& call);
void list_images(Call& call);
void get_image(Call& call);
void get_content(Call& call);
void patch_image(Call& call);
void delete_image(Call& call);
void post_known(Call& call);
void post_search(Call& call);
void post_classify(Call& call);
void post_embeddings(Call& call);
void get_info(Call& call);
void get_health(Call& call);
void get_readiness(Call& call);
void get_page(Call& call);

}  // namespace clipdex::http

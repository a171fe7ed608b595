// What the API's description says of a route. Private to http/.
#pragma once

#include <array>
#include <string_view>

namespace clipdex::http {

struct Answer {
  int status = 0;           // 0: none
  std::string_view schema;  // of components/schemas; "" for no body, or one that is not JSON
  std::string_view media = "application/json";
};

// Errors that every route may give are added by the document: 400, 405, 500, 503; 403, 408, 413 and 415 where there is a body.
struct Operation {
  std::string_view id, tag, summary;
  std::array<std::string_view, 2> query{};  // of components/parameters; "": none
  std::string_view body;                    // of components/requestBodies; "": none
  std::array<Answer, 3> answers{};
  std::array<int, 5> errors{};
  bool any_query = false;  // unknown query parameters are ignored
};

}  // namespace clipdex::http

#include "http/json_classify.h"
#include "http/router.h"

namespace clipdex::http {

void post_classify(Call& call) {
  call.allow_parameters({});
  ClassifyCall wanted;
  if (call.body.multipart) {
    wanted = parse_classify_form(std::move(call.body));
  } else {
    const json body = call.json_body();
    wanted = parse_classify(Fields(body, ""));
  }
  call.answer(200, to_json(call.engine.classify(wanted.image, wanted.set, wanted.top)));
}

}  // namespace clipdex::http

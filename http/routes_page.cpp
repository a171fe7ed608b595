#include "http/errors.h"
#include "http/router.h"
#include "http/web_files.h"

namespace clipdex::http {

void get_page(Call& call) {
  std::string name = call.request.target.substr(1, call.request.target.find('?') - 1);
  if (call.request.target.starts_with("/?") || name.empty()) name = "index.html";
  const auto content = web_file(name);
  if (!content) {
    call.response.status = 204;  // the favicon that browsers ask for
    return;
  }
  call.response.set_header("Content-Security-Policy",
                           "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
                           "base-uri 'none'; form-action 'none'; "
                           "frame-ancestors 'none'");
  call.response.set_header("X-Content-Type-Options", "nosniff");
  call.response.set_header("Referrer-Policy", "no-referrer");
  call.response.set_header("Cache-Control", "no-cache");
  const char* type = name.ends_with(".css")  ? "text/css; charset=utf-8"
                     : name.ends_with(".js") ? "text/javascript; charset=utf-8"
                                             : "text/html; charset=utf-8";
  call.response.set_content(std::string(*content), type);
}

}  // namespace clipdex::http

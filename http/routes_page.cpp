#include "http/errors.h"
#include "http/router.h"
#include "http/web_files.h"

namespace clipdex::http {

void get_page(Call& call) {
  const std::string_view path = std::string_view(call.request.target).substr(0, call.request.target.find('?'));
  if (path == "/favicon.ico") {
    call.response.status = 204;  // browsers ask for it; the page's icon stands in the page
    return;
  }
  const std::string name = call.values.empty() ? "index.html" : call.values[0];
  const auto content = web_file(name);
  if (!content) throw HttpError(404, "not_found", "the page has no file \"" + name + "\"");
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

#include "http/server.h"

#include <httplib.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <cctype>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <random>
#include <stdexcept>
#include <thread>

#include "engine/engine.h"
#include "http/errors.h"
#include "http/router.h"

namespace clipdex::http {
namespace {

constexpr int kListenBacklog = 1024;
constexpr std::size_t kThreadsDefault = 64;
constexpr std::size_t kWaitingConnectionsMax = 1024;
constexpr const char* kRequestIdHeader = "X-Request-Id";

bool is_request_id(const std::string& text) {
  constexpr std::size_t kLengthMax = 128;
  const auto allowed = [](unsigned char c) { return std::isalnum(c) != 0 || c == '.' || c == '_' || c == '-'; };
  return !text.empty() && text.size() <= kLengthMax && std::all_of(text.begin(), text.end(), allowed);
}

std::string request_id(const httplib::Request& request) {
  auto given = request.get_header_value(kRequestIdHeader);
  if (is_request_id(given)) return given;
  thread_local std::mt19937_64 random{std::random_device{}()};
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(random()));
  return text;
}

// One line of a length that a log can bear, whatever was sent.
std::string loggable(const std::string& target) {
  constexpr std::size_t kLengthMax = 256;
  std::string text = target.substr(0, kLengthMax);
  std::replace_if(text.begin(), text.end(), [](unsigned char c) { return c <= ' ' || c == 0x7F; }, '?');
  return target.size() > kLengthMax ? text + "..." : text;
}

void answer_error(httplib::Response& response, const ErrorAnswer& answer) {
  response.status = answer.status;
  if (answer.status == 405) response.set_header("Allow", answer.details.value("allow", ""));
  if (answer.status == 503 || answer.status == 429) response.set_header("Retry-After", "1");
  response.set_content(error_body(answer), "application/json");
}

// cpp-httplib closes a connection after an answer only if writing it failed, so a provider writes it whole and then says so.
void close_after(httplib::Response& response) {
  auto text = std::make_shared<std::string>(std::move(response.body));
  response.body.clear();
  response.set_header("Connection", "close");
  response.set_content_provider(text->size(), "application/json", [text](std::size_t offset, std::size_t length, httplib::DataSink& sink) {
    sink.write(text->data() + offset, length);
    return false;
  });
}

// A page of another site that the user visits may send requests here, but is not to change anything. Browsers say where a request comes
// from.
void refuse_foreign_page(const httplib::Request& request) {
  if (request.method == "GET" || request.method == "HEAD") return;
  const auto site = request.get_header_value("Sec-Fetch-Site");
  if (site.empty() || site == "same-origin" || site == "none") return;
  throw HttpError(403, "foreign_page", "this request comes from a page of another site: only clipdex's own page and programs may send it");
}

// What cpp-httplib itself refuses, before any handler.
ErrorAnswer refusal(int status) {
  switch (status) {
    case 400:
      return {400, "malformed_request", "this is not a valid HTTP request", nullptr};
    case 404:
      return {404, "not_found", "there is nothing here", nullptr};
    case 413:
      return {413, "body_too_large", "the body is over the server's limit", nullptr};
    case 414:
      return {414, "uri_too_long", "the request's path is too long", nullptr};
    default:
      return {status, "http_error", "the request was refused with status " + std::to_string(status), nullptr};
  }
}

}  // namespace

struct Server::Impl {
  explicit Impl(const ServerOptions& options_) : options(options_) {
    configure();
    bind();
  }

  void configure() {
    const std::size_t threads = options.threads == 0 ? kThreadsDefault : options.threads;
    server.new_task_queue = [threads] { return new httplib::ThreadPool(threads, kWaitingConnectionsMax); };
    // Not cpp-httplib's default, SO_REUSEPORT: with that a second server would share the port in silence.
    server.set_socket_options([this](int descriptor) {
      const int yes = 1;
      ::setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
      listening = descriptor;
    });
    server.set_tcp_nodelay(true);
    server.set_payload_max_length(readable_bytes_max(options.body_bytes_max));
    server.set_expect_100_continue_handler([this](const httplib::Request& request, httplib::Response& response) {
      constexpr int kContinue = 100, kPayloadTooLarge = 413;
      if (request.get_header_value_u64("Content-Length") <= options.body_bytes_max) return kContinue;
      response.status = kPayloadTooLarge;
      return kPayloadTooLarge;
    });
    server.set_read_timeout(options.header_timeout);
    server.set_write_timeout(options.header_timeout);
    server.set_keep_alive_timeout(options.idle_timeout.count());
    server.set_keep_alive_max_count(1'000'000);
    server.set_error_handler([](const httplib::Request& request, httplib::Response& response) {
      if (!response.has_header(kRequestIdHeader)) response.set_header(kRequestIdHeader, request_id(request));
      if (!response.has_header("Content-Type")) {
        // No handler of ours has seen it, so nobody knows where the next request would begin.
        answer_error(response, refusal(response.status));
        close_after(response);
      }
      return httplib::Server::HandlerResponse::Handled;
    });
    // A busy client is told to go; otherwise its next request would keep its connection, and with it the server, going.
    server.set_post_routing_handler([this](const httplib::Request&, httplib::Response& response) {
      if (stopping && !response.has_header("Connection")) response.set_header("Connection", "close");
    });
    server.set_logger([](const httplib::Request& request, const httplib::Response& response) {
      spdlog::info("{} {} {} {} bytes={} id={}", request.remote_addr, request.method, loggable(request.target), response.status,
                   response.body.size(), response.get_header_value(kRequestIdHeader));
    });
    const auto without_body = [this](const httplib::Request& request, httplib::Response& response) { handle(request, response, nullptr); };
    const auto with_body = [this](const httplib::Request& request, httplib::Response& response, const httplib::ContentReader& reader) {
      handle(request, response, &reader);
    };
    server.Get(".*", without_body);
    server.Options(".*", without_body);
    server.Post(".*", with_body);
    server.Put(".*", with_body);
    server.Patch(".*", with_body);
    server.Delete(".*", with_body);
  }

  void bind() {
    errno = 0;
    if (options.port == 0) {
      port = server.bind_to_any_port(options.host);
    } else if (server.bind_to_port(options.host, options.port)) {
      port = options.port;
    }
    if (port <= 0) {
      const std::string reason = errno == EADDRINUSE ? "the port is in use by another program: choose another one with --port"
                                 : errno == 0        ? std::string("no such address on this machine: check --host")
                                                     : std::string(std::strerror(errno)) + ": check --host and --port";
      throw std::runtime_error("cannot listen on " + options.host + ":" + std::to_string(options.port) + ": " + reason);
    }
    // cpp-httplib listens with a backlog of 5; listening again raises it.
    ::listen(listening, kListenBacklog);
  }

  void handle(const httplib::Request& request, httplib::Response& response, const httplib::ContentReader* reader) {
    const std::string id = request_id(request);
    response.set_header(kRequestIdHeader, id);
    bool body_is_read = reader == nullptr;
    try {
      // The body first: an answer before it is read would leave it in the connection as the next request.
      Body body;
      if (reader != nullptr) body = read_body(request, response, *reader, options.body_bytes_max);
      body_is_read = true;
      refuse_foreign_page(request);
      auto match = find_route(request.method, request.target);
      Call call{*engine, options, stopping, std::move(match.values), request, response, std::move(body)};
      match.handler(call);
    } catch (...) {
      response.body.clear();
      answer_error(response, answer_for(std::current_exception(), id));
      // While the server stops, cpp-httplib writes no provider's content; the connection ends then all the same.
      if (!body_is_read && !stopping) close_after(response);
    }
  }

  ServerOptions options;
  httplib::Server server;
  int listening = -1;
  int port = -1;
  engine::Engine* engine = nullptr;  // set for the time of run()
  std::atomic<bool> stopping = false;
  std::atomic<bool> entered = false, left = false;  // run()
};

Server::Server(const ServerOptions& options) : impl_(std::make_unique<Impl>(options)) {}
Server::~Server() = default;

int Server::port() const { return impl_->port; }

std::string Server::url() const {
  const bool v6 = impl_->options.host.find(':') != std::string::npos;
  return "http://" + (v6 ? "[" + impl_->options.host + "]" : impl_->options.host) + ":" + std::to_string(impl_->port);
}

void Server::run(engine::Engine& engine) {
  impl_->engine = &engine;
  impl_->entered = true;
  if (!impl_->stopping) impl_->server.listen_after_bind();
  impl_->left = true;
}

void Server::stop() {
  impl_->stopping = true;
  // cpp-httplib overlooks a stop that comes while it is about to listen.
  while (impl_->entered && !impl_->left && !impl_->server.is_running()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  impl_->server.stop();
}

}  // namespace clipdex::http

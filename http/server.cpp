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
#include <exception>
#include <functional>
#include <random>
#include <stdexcept>
#include <string_view>
#include <thread>

#include "engine/engine.h"
#include "http/connection_pool.h"
#include "http/errors.h"
#include "http/log.h"
#include "http/openapi.h"
#include "http/router.h"

namespace clipdex::http {
namespace {

constexpr int kListenBacklog = 1024;
constexpr const char* kAnyPath = "/";
constexpr const char* kRequestIdHeader = "X-Request-Id";

bool is_request_id(const std::string& text) {
  constexpr std::size_t kLengthMax = 128;
  const auto allowed = [](unsigned char c) { return std::isalnum(c) != 0 || c == '.' || c == '_' || c == '-'; };
  return !text.empty() && text.size() <= kLengthMax && std::all_of(text.begin(), text.end(), allowed);
}

std::string new_request_id() {
  thread_local std::mt19937_64 random{std::random_device{}()};
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(random()));
  return text;
}

std::string request_id(const httplib::Request& request) {
  auto given = request.get_header_value(kRequestIdHeader);
  return is_request_id(given) ? given : new_request_id();
}

void answer_error(httplib::Response& response, const ErrorAnswer& answer) {
  response.status = answer.status;
  if (answer.status == 405) response.set_header("Allow", answer.details.value("allow", ""));
  if (answer.status == 503 || answer.status == 429) response.set_header("Retry-After", "1");
  response.set_content(error_body(answer), "application/json");
}

// One request on its way through cpp-httplib, which tells a handler nothing of its connection.
struct Exchange {
  Connection& connection;
  const Route* route = nullptr;
  bool close = false;  // the connection, after the answer: nobody knows where the next request would begin
};
thread_local Exchange* current = nullptr;

void close_after(httplib::Response& response) {
  current->close = true;
  response.headers.erase("Keep-Alive");
  if (!response.has_header("Connection")) response.set_header("Connection", "close");
}

// cpp-httplib reads other methods' bodies by itself, as much as fits twice, or not at all.
bool has_stray_body(const httplib::Request& request) {
  const auto& method = request.method;
  if (method == "POST" || method == "PUT" || method == "PATCH") return false;
  if (method == "DELETE") return request.has_header("Transfer-Encoding");  // which it leaves in the connection
  return request.has_header("Transfer-Encoding") ||
         (request.has_header("Content-Length") && request.get_header_value("Content-Length") != "0");
}

// Whether parts of the answer can be asked for.
bool has_ranges(const Route* route) { return route != nullptr && route->handler == get_content; }

ErrorAnswer too_slow() { return {408, "request_timeout", "the request took too long to arrive", nullptr}; }
ErrorAnswer head_too_large() { return {431, "head_too_large", "the request's line and headers are too long", nullptr}; }

// An answer where cpp-httplib gives none.
std::string whole_answer(const char* status, const ErrorAnswer& answer, const char* headers) {
  const auto body = error_body(answer);
  return std::string("HTTP/1.1 ") + status + "\r\nConnection: close\r\nContent-Type: application/json\r\n" + kRequestIdHeader + ": " +
         new_request_id() + "\r\n" + headers + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  const auto lower = [](unsigned char c) { return std::tolower(c); };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) { return lower(x) == lower(y); });
}

// Whether a page of another site sends this: browsers say where a request comes from. Sec-Fetch-Site they send only where the page came
// over HTTPS or from loopback; Origin they send with whatever is no GET.
bool is_from_foreign_page(const httplib::Request& request) {
  const auto site = request.get_header_value("Sec-Fetch-Site");
  if (!site.empty()) return site != "same-origin" && site != "none";
  if (!request.has_header("Origin")) return false;
  const auto origin = request.get_header_value("Origin");  // "https://host:port", or "null"
  constexpr std::string_view kSchemeEnd = "://";
  const auto end = origin.find(kSchemeEnd);
  return end == std::string::npos ||
         !equal_ignoring_case(std::string_view(origin).substr(end + kSchemeEnd.size()), request.get_header_value("Host"));
}

// A page of another site that the user visits may send requests here, but is not to change anything.
void refuse_foreign_page(const httplib::Request& request) {
  if (request.method == "GET" || request.method == "HEAD" || !is_from_foreign_page(request)) return;
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
    case 416:
      return {416, "range_not_satisfiable", "there is no such range of bytes here", nullptr};
    default:
      return {status, "http_error", "the request was refused with status " + std::to_string(status), nullptr};
  }
}

// cpp-httplib's server with our own connections: it accepts, parses and routes; they wait, read and write.
class ConnectionServer final : public httplib::Server {
 public:
  std::function<void(int)> on_connection;

  using httplib::Server::process_request;

 private:
  bool process_and_close_socket(socket_t descriptor) override {
    on_connection(descriptor);
    return true;
  }
};

// Tasks run at once: each hands a new connection over and is done.
class HandOver final : public httplib::TaskQueue {
 public:
  explicit HandOver(ConnectionPool& pool) : pool_(pool) {}
  bool enqueue(std::function<void()> task) override {
    task();
    return true;
  }
  void shutdown() override { pool_.shutdown(); }

 private:
  ConnectionPool& pool_;
};

ServerOptions sensible(ServerOptions options) {
  options.bodies_bytes_max = std::max(options.bodies_bytes_max, options.body_bytes_max);
  return options;
}

}  // namespace

struct Server::Impl {
  explicit Impl(const ServerOptions& options_)
      : options(sensible(options_)),
        state{.requests = RequestMetrics(routes().size()),
              .connections = {},
              .bodies = {options.bodies_bytes_max, options.bodies_patience},
              .openapi = {}},
        pool(
            {.connections_max = options.connections_max,
             .idle = options.idle_timeout,
             .limits = {.silence = options.silence_timeout, .head = options.head_timeout, .body = options.body_timeout},
             .refusal =
                 [] {
                   return whole_answer("503 Service Unavailable",
                                       {503, "overloaded", "the server has as many connections as it takes: try again later", nullptr},
                                       "Retry-After: 1\r\n");
                 }},
            [this](Connection& connection) { return serve(connection); }, state.connections) {
    configure();
    bind();
  }

  void configure() {
    server.on_connection = [this](int descriptor) {
      try {
        pool.accept(descriptor);
      } catch (const std::exception& error) {
        spdlog::error("a connection could not be taken: {}", error.what());
      }
    };
    server.new_task_queue = [this] { return new HandOver(pool); };
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
    server.set_keep_alive_timeout(options.idle_timeout.count());
    server.set_keep_alive_max_count(1'000'000);
    server.set_pre_routing_handler([](const httplib::Request& request, httplib::Response& response) {
      if (!has_stray_body(request)) return httplib::Server::HandlerResponse::Unhandled;
      response.set_header(kRequestIdHeader, request_id(request));
      answer_error(response, {400, "malformed_request", "this method takes no body", nullptr});
      close_after(response);
      return httplib::Server::HandlerResponse::Handled;
    });
    server.set_error_handler([](const httplib::Request& request, httplib::Response& response) {
      if (!response.has_header(kRequestIdHeader)) response.set_header(kRequestIdHeader, request_id(request));
      constexpr int kRangeNotSatisfiable = 416;
      if (response.status == kRangeNotSatisfiable && response.has_header("Content-Type")) {
        // Of a content that a handler has found: cpp-httplib has taken the bytes and left their type.
        answer_error(response, refusal(response.status));
      } else if (!response.has_header("Content-Type")) {
        // No handler of ours has seen it.
        answer_error(response, current->connection.timed_out()        ? too_slow()
                               : current->connection.head_too_large() ? head_too_large()
                                                                      : refusal(response.status));
        close_after(response);
      }
      return httplib::Server::HandlerResponse::Handled;
    });
    // A busy client is told to go; otherwise its next request would keep its connection, and with it the server, going.
    server.set_post_routing_handler([this](const httplib::Request&, httplib::Response& response) {
      if (stopping || current->close) close_after(response);
    });
    server.set_logger([this](const httplib::Request& request, const httplib::Response& response) { note(request, response); });
    const auto without_body = [this](const httplib::Request& request, httplib::Response& response) { handle(request, response, nullptr); };
    const auto with_body = [this](const httplib::Request& request, httplib::Response& response, const httplib::ContentReader& reader) {
      handle(request, response, &reader);
    };
    server.Get(kAnyPath, without_body);
    server.Options(kAnyPath, without_body);
    server.Post(kAnyPath, with_body);
    server.Put(kAnyPath, with_body);
    server.Patch(kAnyPath, with_body);
    server.Delete(kAnyPath, with_body);
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

  // One request of a connection. False when the connection is to be closed.
  bool serve(Connection& connection) {
    Exchange exchange{connection};
    current = &exchange;
    connection.begin_head();
    bool closed = false, fine = false;
    std::exception_ptr failure;
    // Routing is ours (find_route), so cpp-httplib's regular expressions, which recurse once a character, get nothing to do. Nor does its
    // compression: Brotli at its highest level, which it takes where a client offers it, costs ten times the search whose answer it packs.
    const auto head_is_read = [&](httplib::Request& request) {
      request.path = kAnyPath;
      request.headers.erase("Accept-Encoding");
      // It would cut any answer that is fine, and call what is none of its ranges an error, after the handler has done its work.
      if (!request.ranges.empty() && !has_ranges(find_route(request.method, request.target))) request.ranges.clear();
      connection.begin_body();
    };
    try {
      fine =
          server.process_request(connection, connection.remote_address(), connection.remote_port(), "", 0, stopping, closed, head_is_read);
    } catch (...) {  // of memory, in parsing: handlers' exceptions do not come here
      failure = std::current_exception();
    }
    fine = end_answer(connection, fine, failure) && fine;
    current = nullptr;
    return fine && !closed && !exchange.close && !stopping;
  }

  // Sends the answer, or what is to be said where cpp-httplib has given none. failure: what it has thrown. False if that was not possible.
  static bool end_answer(Connection& connection, bool fine, const std::exception_ptr& failure) {
    try {
      // cpp-httplib says nothing to a request line that does not end.
      const bool silent = !fine && connection.bytes_written() == 0 && connection.bytes_read() > 0;
      if (failure) {
        const auto answer = answer_for(failure, "a request that could not be read");
        const bool overloaded = answer.status == 503;
        if (silent) {
          connection.write(whole_answer(overloaded ? "503 Service Unavailable" : "500 Internal Server Error", answer,
                                        overloaded ? "Retry-After: 1\r\n" : ""));
        }
      } else if (silent && connection.timed_out()) {
        connection.write(whole_answer("408 Request Timeout", too_slow(), ""));
      } else if (silent && (connection.head_too_large() || !connection.failed())) {
        connection.write(whole_answer("431 Request Header Fields Too Large", head_too_large(), ""));
      }
      return connection.flush();
    } catch (const std::exception&) {  // no memory for an answer either
      return false;
    }
  }

  void handle(const httplib::Request& request, httplib::Response& response, const httplib::ContentReader* reader) {
    const std::string id = request_id(request);
    response.set_header(kRequestIdHeader, id);
    current->route = find_route(request.method, request.target);
    bool body_is_read = reader == nullptr;
    BodyMemory::Share memory(state.bodies);
    try {
      // The body first: an answer before it is read would leave it in the connection as the next request.
      Body body;
      if (reader != nullptr) body = read_body(request, response, *reader, options.body_bytes_max, memory, current->connection);
      body_is_read = true;
      refuse_foreign_page(request);
      if (current->route == nullptr) refuse_target(request.target);
      Call call{*engine, options, state, stopping, path_values(*current->route, request.target), request, response, std::move(body)};
      current->route->handler(call);
    } catch (...) {
      response.body.clear();
      const bool late = !body_is_read && current->connection.timed_out();
      answer_error(response, late ? too_slow() : answer_for(std::current_exception(), id));
      if (!body_is_read) close_after(response);
    }
    current->connection.begin_answer();
  }

  // Counts and logs an answer.
  void note(const httplib::Request& request, const httplib::Response& response) {
    const auto& connection = current->connection;
    const auto time = Connection::Clock::now() - connection.begun();
    const auto route = current->route == nullptr ? routes().size() : static_cast<std::size_t>(current->route - routes().data());
    state.requests.count(route, request.method, response.status, time, connection.bytes_read(), connection.bytes_written());
    const auto id = response.get_header_value(kRequestIdHeader);
    log_request(options.log_format, {.method = request.method,
                                     .target = request.target,
                                     .request_id = id,
                                     .remote_address = connection.remote_address(),
                                     .route = current->route == nullptr ? "none" : current->route->pattern,
                                     .status = response.status,
                                     .bytes_in = connection.bytes_read(),
                                     .bytes_out = connection.bytes_written(),
                                     .duration_ms = std::chrono::duration<double, std::milli>(time).count()});
  }

  const ServerOptions options;
  ServerState state;
  ConnectionServer server;
  int listening = -1;
  int port = -1;
  engine::Engine* engine = nullptr;  // set for the time of run()
  std::atomic<bool> stopping = false;
  std::atomic<bool> entered = false, left = false;  // run()
  ConnectionPool pool;                              // last: its threads use the others
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
  impl_->state.openapi = json_line(openapi_document(impl_->options, engine));
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

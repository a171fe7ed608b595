#include "http/connection_pool.h"

#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>
#include <vector>

namespace clipdex::http {
namespace {

// A thread stays with its connection this long after an answer: a busy client's next request then needs no handing over.
constexpr std::chrono::milliseconds kLinger{100};
// Connections that were refused are kept until the client has read why, but neither long nor many of them.
constexpr std::chrono::milliseconds kRefusalTime{1'000};
constexpr std::size_t kRefusedMax = 256;
constexpr int kEventsMax = 256;
constexpr int kTickMs = 250;

int checked(int descriptor, const char* what) {
  if (descriptor < 0) throw std::system_error(errno, std::generic_category(), what);
  return descriptor;
}

bool readable_now(int descriptor) {
  pollfd waited{.fd = descriptor, .events = POLLIN, .revents = 0};
  return ::poll(&waited, 1, 0) > 0;
}

}  // namespace

ConnectionPool::ConnectionPool(ConnectionPoolOptions options, Serve serve, Counts& counts)
    : options_(std::move(options)), serve_(std::move(serve)), counts_(counts), threads_({.threads_max = options_.connections_max}) {
  poll_ = checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
  wake_ = checked(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd");
  epoll_event event{.events = EPOLLIN, .data = {.fd = wake_}};
  ::epoll_ctl(poll_, EPOLL_CTL_ADD, wake_, &event);
  watcher_ = std::jthread([this] { watch(); });
}

ConnectionPool::~ConnectionPool() {
  shutdown();
  ::close(poll_);
  ::close(wake_);
}

bool ConnectionPool::stopping() const {
  const std::lock_guard lock(mutex_);
  return stopping_;
}

void ConnectionPool::accept(int descriptor) {
  auto connection = std::make_unique<Connection>(descriptor, options_.limits);
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
    if (open_ < options_.connections_max) {
      ++open_;
    } else {
      counts_.refused.add();
      if (refused_ >= kRefusedMax) return;
      ++refused_;
      descriptor = -1;
    }
  }
  if (descriptor < 0) return refuse(std::move(connection));
  counts_.accepted.add();
  counts_.open.add(1);
  park(std::move(connection), options_.idle, /*refused=*/false, /*is_new=*/true);
}

void ConnectionPool::refuse(std::unique_ptr<Connection> connection) {
  const auto answer = options_.refusal();
  ::send(connection->descriptor(), answer.data(), answer.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  ::shutdown(connection->descriptor(), SHUT_WR);
  park(std::move(connection), kRefusalTime, /*refused=*/true, /*is_new=*/true);
}

void ConnectionPool::park(std::unique_ptr<Connection> connection, std::chrono::milliseconds time, bool refused, bool is_new) {
  const int descriptor = connection->descriptor();
  epoll_event event{.events = EPOLLIN | EPOLLRDHUP | EPOLLONESHOT, .data = {.fd = descriptor}};
  const std::lock_guard lock(mutex_);
  if (!stopping_) {
    parked_.insert_or_assign(descriptor,
                             Parked{.connection = std::move(connection), .deadline = Connection::Clock::now() + time, .refused = refused});
    if (::epoll_ctl(poll_, is_new ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, descriptor, &event) == 0) return;
    connection = std::move(parked_.extract(descriptor).mapped().connection);
  }
  connection.reset();
  uncount(refused);
}

void ConnectionPool::uncount(bool refused) {
  --(refused ? refused_ : open_);
  if (!refused) counts_.open.add(-1);
}

void ConnectionPool::watch() {
  std::vector<epoll_event> events(kEventsMax);
  auto looked = Connection::Clock::now();
  while (true) {
    const int ready = ::epoll_wait(poll_, events.data(), kEventsMax, kTickMs);
    for (int i = 0; i < ready; ++i) {
      if (events[static_cast<std::size_t>(i)].data.fd != wake_) take_event(events[static_cast<std::size_t>(i)].data.fd);
    }
    if (stopping()) return;
    if (const auto now = Connection::Clock::now(); now - looked >= std::chrono::milliseconds(kTickMs)) {
      close_expired();
      looked = now;
    }
  }
}

void ConnectionPool::take_event(int descriptor) {
  Parked parked;
  {
    const std::lock_guard lock(mutex_);
    auto node = parked_.extract(descriptor);
    if (node.empty()) return;
    parked = std::move(node.mapped());
  }
  if (parked.refused) return drain(std::move(parked));
  hand_over(std::move(parked.connection));
}

// Reads and forgets what a refused client sends, until it ends: closing before that would take the answer from it.
void ConnectionPool::drain(Parked parked) {
  char ignored[4096];
  const auto got = ::recv(parked.connection->descriptor(), ignored, sizeof ignored, MSG_DONTWAIT);
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(parked.deadline - Connection::Clock::now());
  if (got > 0 && left.count() > 0) {
    park(std::move(parked.connection), left, /*refused=*/true, /*is_new=*/false);
    return;
  }
  const std::lock_guard lock(mutex_);
  uncount(/*refused=*/true);
}

void ConnectionPool::close_expired() {
  std::vector<Parked> expired;
  const auto now = Connection::Clock::now();
  const std::lock_guard lock(mutex_);
  for (auto at = parked_.begin(); at != parked_.end();) {
    if (at->second.deadline > now) {
      ++at;
      continue;
    }
    uncount(at->second.refused);
    expired.push_back(std::move(at->second));
    at = parked_.erase(at);
  }
  counts_.threads.set(static_cast<std::int64_t>(threads_.threads()));
}

void ConnectionPool::hand_over(std::unique_ptr<Connection> connection) {
  // std::function wants what can be copied.
  auto shared = std::make_shared<std::unique_ptr<Connection>>(std::move(connection));
  if (threads_.enqueue([this, shared] { serve_requests(std::move(*shared)); })) return;
  spdlog::error("a connection was closed: the system gives no thread for it");
  const std::lock_guard lock(mutex_);
  uncount(/*refused=*/false);
}

void ConnectionPool::serve_requests(std::unique_ptr<Connection> connection) {
  bool goes_on = false;
  do {
    const engine::GaugeHold busy(counts_.busy);
    goes_on = serve_(*connection) && !connection->failed();
  } while (goes_on && !stopping() && connection->wait_readable(kLinger, wake_));
  if (goes_on) {
    park(std::move(connection), options_.idle, /*refused=*/false, /*is_new=*/false);
    return;
  }
  let_go(std::move(connection));
}

// Closing while bytes of the client are unread would take from it what it was told, so those are read and forgotten first.
void ConnectionPool::let_go(std::unique_ptr<Connection> connection) {
  char ignored = 0;
  const bool unread = ::recv(connection->descriptor(), &ignored, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
  // Otherwise closed before it is counted: whoever is let in instead needs its descriptor.
  if (!unread) connection.reset();
  {
    const std::lock_guard lock(mutex_);
    uncount(/*refused=*/false);
    if (!unread || refused_ >= kRefusedMax) return;
    ++refused_;
  }
  ::shutdown(connection->descriptor(), SHUT_WR);
  park(std::move(connection), kRefusalTime, /*refused=*/true, /*is_new=*/false);
}

void ConnectionPool::shutdown() {
  std::map<int, Parked> left;
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
    stopping_ = true;
  }
  const std::uint64_t one = 1;
  if (::write(wake_, &one, sizeof one) < 0) spdlog::error("a thread could not be woken");
  watcher_.join();
  {
    const std::lock_guard lock(mutex_);
    left.swap(parked_);
  }
  for (auto& [descriptor, parked] : left) {
    if (!parked.refused && readable_now(descriptor)) {
      hand_over(std::move(parked.connection));
    } else if (!parked.refused) {
      counts_.open.add(-1);
    }
  }
  left.clear();
  threads_.shutdown();
}

}  // namespace clipdex::http

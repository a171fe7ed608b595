#include "http/large_stack.h"

#include <pthread.h>

#include <exception>
#include <system_error>

namespace clipdex::http {
namespace {

constexpr std::size_t kStackBytes = std::size_t{32} << 20;

struct Task {
  const std::function<void()>& call;
  std::exception_ptr failure;
};

void* run(void* argument) {
  auto& task = *static_cast<Task*>(argument);
  try {
    task.call();
  } catch (...) {
    task.failure = std::current_exception();
  }
  return nullptr;
}

}  // namespace

void on_large_stack(const std::function<void()>& call) {
  Task task{.call = call, .failure = nullptr};
  pthread_attr_t attributes;
  pthread_t thread{};
  int error = ::pthread_attr_init(&attributes);
  if (error == 0) {
    ::pthread_attr_setstacksize(&attributes, kStackBytes);
    error = ::pthread_create(&thread, &attributes, run, &task);
    ::pthread_attr_destroy(&attributes);
  }
  if (error != 0) throw std::system_error(error, std::generic_category(), "a thread for a form");
  ::pthread_join(thread, nullptr);
  if (task.failure) std::rethrow_exception(task.failure);
}

}  // namespace clipdex::http

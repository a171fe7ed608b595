// The threads that one search divides its work among. Private to index/.
#pragma once

#include <cstddef>
#include <functional>

namespace clipdex::index {

// The cores are for one team at a time: searches that come meanwhile take one thread each, since teams that share cores wait for each other
// at their barriers. For the thread that searches, and for as long as its work lasts.
class SearchTeam {
 public:
  // wanted: threads that the work is worth.
  explicit SearchTeam(std::size_t wanted);
  ~SearchTeam();
  SearchTeam(const SearchTeam&) = delete;
  SearchTeam& operator=(const SearchTeam&) = delete;

  // 1: the calling thread alone.
  int threads() const { return threads_; }

  // Calls `work` on each of the threads and returns when all calls have. An exception that left an OpenMP region would end the process:
  // the first one is thrown from here instead.
  void run(const std::function<void()>& work) const;

  // Calls work(i) for each i below n, on whichever thread is free. Throws as run() does; some calls may be missing then.
  void for_each(std::size_t n, const std::function<void(std::size_t)>& work) const;

 private:
  bool mine_ = false;  // the cores
  int threads_ = 1;
};

}  // namespace clipdex::index

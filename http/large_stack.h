// Calls that recurse deeply, beside threads whose stacks are small. Private to http/.
#pragma once

#include <functional>

namespace clipdex::http {

// Calls it on a thread of its own with a stack of 32 MiB, of which only what is used takes memory, and waits for its end. Throws what it
// throws, std::system_error if there can be no such thread. Any thread may call it.
void on_large_stack(const std::function<void()>& call);

}  // namespace clipdex::http

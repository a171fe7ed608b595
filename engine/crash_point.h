// Moments at which a test wants the process to die. Private to engine/.
#pragma once

#include <string_view>
#include <vector>

namespace clipdex::engine {

// Between any two steps that each become durable by themselves there is one of these. With CLIPDEX_CRASH_POINT=NAME or NAME@COUNT in its
// environment the process kills itself (SIGKILL) when it comes there (for the COUNTth time); without, nothing happens. Any thread may call
// it.
void crash_point(std::string_view name);

// All of their names.
std::vector<std::string_view> crash_points();

}  // namespace clipdex::engine

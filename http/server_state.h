// What the server knows of itself, for its own routes. Private to http/.
#pragma once

#include <chrono>
#include <string>

#include "http/body_memory.h"
#include "http/connection_pool.h"
#include "http/request_metrics.h"

namespace clipdex::http {

// Any thread may read it, and count.
struct ServerState {
  RequestMetrics requests;
  ConnectionPool::Counts connections;
  BodyMemory bodies;
  std::chrono::system_clock::time_point started = std::chrono::system_clock::now();
  std::string openapi;  // the document; made once, before the first request
};

}  // namespace clipdex::http

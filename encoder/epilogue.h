// What follows a matrix product before its result is written. Private to encoder/.
#pragma once

namespace clipdex::encoder {

enum class Epilogue { kNone, kQuickGelu, kGelu, kAdd /* to what the result's memory holds */ };

}  // namespace clipdex::encoder

# Warnings are errors on our own targets only; third-party headers come in as SYSTEM.
function(clipdex_warnings target)
  set(warnings -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wold-style-cast
               # Designated initialisers name what differs from the defaults.
               -Wno-missing-field-initializers -Werror)
  # What the sanitizers add keeps g++ from following initialisations: it warns of std::regex's own.
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_FLAGS MATCHES "-fsanitize")
    list(APPEND warnings -Wno-maybe-uninitialized)
  endif()
  target_compile_options(${target} PRIVATE "$<$<COMPILE_LANGUAGE:C,CXX>:${warnings}>")
endfunction()

# One folder is one target and one namespace: a static library whose includes start at the project's root.
function(clipdex_library name)
  add_library(clipdex_${name} STATIC ${ARGN})
  target_include_directories(clipdex_${name} PUBLIC "${PROJECT_SOURCE_DIR}")
  clipdex_warnings(clipdex_${name})
endfunction()

# A test program: every TEST_CASE becomes a ctest test, so that names are visible and failures are separate.
# PRECOMPILE: heavy headers that most of the sources include.
function(clipdex_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LIBRARIES;PRECOMPILE" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_LIBRARIES} Catch2::Catch2WithMain)
  target_include_directories(${name} PRIVATE "${PROJECT_SOURCE_DIR}")
  target_compile_definitions(${name} PRIVATE CLIPDEX_SOURCE_DIR="${PROJECT_SOURCE_DIR}" CLIPDEX_BINARY_DIR="${CMAKE_BINARY_DIR}")
  clipdex_warnings(${name})
  # Assertions are many and quick: -O3 would cost more time than it saves.
  target_compile_options(${name} PRIVATE $<$<CONFIG:Release>:-O1>)
  if(ARG_PRECOMPILE)
    target_precompile_headers(${name} PRIVATE <catch2/catch_test_macros.hpp> ${ARG_PRECOMPILE})
  endif()
  # A test that asserts nothing fails: it cannot fail for another reason.
  catch_discover_tests(${name} TEST_PREFIX "${name}: " DISCOVERY_MODE PRE_TEST EXTRA_ARGS --warn NoAssertions PROPERTIES TIMEOUT 300)
endfunction()

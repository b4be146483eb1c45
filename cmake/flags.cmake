# One INTERFACE target carries warnings, include root and sanitizers; every target of ours links it.
add_library(plumbline_flags INTERFACE)
target_include_directories(plumbline_flags INTERFACE ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR}/generated)
target_compile_options(plumbline_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor)
# g++ 12 sees std::string's own buffer overrun where it inlines operator+ and moves (GCC bugs 105329, 105651). Elsewhere
# it keeps that to itself since it is in a system header, which a precompiled one no longer is.
target_compile_options(plumbline_flags INTERFACE
  "$<$<CXX_COMPILER_ID:GNU>:-Wno-array-bounds;-Wno-restrict;-Wno-stringop-overflow;-Wno-stringop-overread>")
if(PLUMBLINE_WERROR)
  target_compile_options(plumbline_flags INTERFACE -Werror)
endif()
if(NOT CMAKE_BUILD_TYPE STREQUAL "Debug" AND NOT PLUMBLINE_SANITIZE)
  target_compile_definitions(plumbline_flags INTERFACE _FORTIFY_SOURCE=2)
  target_compile_options(plumbline_flags INTERFACE -fstack-protector-strong)
  target_link_options(plumbline_flags INTERFACE -Wl,-z,relro,-z,now -Wl,--as-needed)
endif()
target_compile_options(plumbline_flags INTERFACE -ffile-prefix-map=${CMAKE_SOURCE_DIR}=.)
if(PLUMBLINE_SANITIZE)
  target_compile_options(plumbline_flags INTERFACE -fsanitize=${PLUMBLINE_SANITIZE} -fno-omit-frame-pointer)
  # Checks at every access to a member, which double the compile: a null pointer crashes all the same, our targets take
  # unaligned loads, and bad casts and sizes are the address sanitizer's to find.
  target_compile_options(plumbline_flags INTERFACE -fno-sanitize=null,alignment,vptr,object-size)
  target_link_options(plumbline_flags INTERFACE -fsanitize=${PLUMBLINE_SANITIZE})
endif()
target_compile_definitions(plumbline_flags INTERFACE PLUMBLINE_VERSION="${PROJECT_VERSION}")

# Precompiled headers: parsing the standard library, nlohmann's and GoogleTest's is a third of a build. Sources include
# what they use all the same.
# What is tested is optimised, what tests it need not be.
set(test_options $<$<CONFIG:Debug>:-O0>)
option(PLUMBLINE_PCH "Precompile the headers that most files include" ON)
function(plumbline_precompile name)
  cmake_parse_arguments(ARG "" "" "HEADERS;LINK" ${ARGN})
  file(WRITE ${CMAKE_BINARY_DIR}/generated/${name}.cpp "")
  add_library(${name} OBJECT ${CMAKE_BINARY_DIR}/generated/${name}.cpp)
  target_link_libraries(${name} PRIVATE plumbline_flags ${ARG_LINK})
  target_precompile_headers(${name} PRIVATE ${ARG_HEADERS})
endfunction()
if(PLUMBLINE_PCH)
  set(common <algorithm> <chrono> <deque> <filesystem> <functional> <map> <memory> <mutex> <optional> <set> <span>
    <sstream> <string> <string_view> <variant> <vector> <nlohmann/json.hpp>)
  # For ccache(1), which must see what a precompiled header depends on, and that it is the same one.
  target_compile_options(plumbline_flags INTERFACE $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>
    "$<$<CXX_COMPILER_ID:Clang>:SHELL:-Xclang -fno-pch-timestamp>")
  plumbline_precompile(plumbline_pch HEADERS ${common})
  if(PLUMBLINE_TESTS)
    plumbline_precompile(plumbline_test_pch HEADERS ${common} <gmock/gmock.h> <gtest/gtest.h> LINK GTest::gtest GTest::gmock)
    target_compile_options(plumbline_test_pch PRIVATE ${test_options})
  endif()
endif()

# plumbline_library(NAME FILES… LINK targets…): a static library with our flags.
function(plumbline_library name)
  cmake_parse_arguments(ARG "" "" "FILES;LINK" ${ARGN})
  add_library(${name} STATIC ${ARG_FILES})
  target_link_libraries(${name} PUBLIC plumbline_flags ${ARG_LINK})
  if(PLUMBLINE_PCH)
    target_precompile_headers(${name} REUSE_FROM plumbline_pch)
  endif()
endfunction()

# plumbline_test(NAME FILES… LINK targets… LABELS labels…): one GoogleTest binary, one CTest entry, named by its path.
# Unit tests are built on demand: ./dev test builds and runs them with sanitizers, in a folder of their own.
function(plumbline_test name)
  cmake_parse_arguments(ARG "" "" "FILES;LINK;LABELS" ${ARGN})
  string(REPLACE "." "_" target test_${name})
  add_executable(${target} ${ARG_FILES})
  target_link_libraries(${target} PRIVATE plumbline_flags ${ARG_LINK} GTest::gtest_main GTest::gmock)
  target_compile_options(${target} PRIVATE ${test_options})
  if(PLUMBLINE_PCH)
    target_precompile_headers(${target} REUSE_FROM plumbline_test_pch)
  endif()
  add_test(NAME ${name} COMMAND ${target})
  set_tests_properties(${name} PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT 300)
  if(ARG_LABELS STREQUAL "unit")
    set_target_properties(${target} PROPERTIES EXCLUDE_FROM_ALL ON)
  endif()
endfunction()

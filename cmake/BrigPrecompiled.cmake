# What most files here read first and longest, read once: Boost's Asio, Beast and JSON, and GoogleTest. Headers are compiled alone without it
# (VERIFY_INTERFACE_HEADER_SETS), so they include what they use.
set(brig_asio_headers
  <algorithm> <array> <chrono> <functional> <map> <memory> <optional> <span> <string> <string_view> <vector>
  <boost/asio.hpp> <boost/asio/experimental/awaitable_operators.hpp> <boost/beast/http.hpp> <boost/json.hpp>)
set(brig_test_headers <gmock/gmock.h> <gtest/gtest.h>)

# What was read can be used under the same options only: so programs are compiled as libraries are.
set(CMAKE_CXX_COMPILE_OPTIONS_PIE ${CMAKE_CXX_COMPILE_OPTIONS_PIC})
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/precompiled.cc CONTENT "")

# brig_precompiled(NAME LIBRARIES lib… HEADERS <header>…)
function(brig_precompiled NAME)
  cmake_parse_arguments(ARG "" "" "LIBRARIES;HEADERS" ${ARGN})
  add_library(${NAME} OBJECT EXCLUDE_FROM_ALL ${CMAKE_BINARY_DIR}/precompiled.cc)
  target_link_libraries(${NAME} PRIVATE brig_flags ${ARG_LIBRARIES})
  target_compile_options(${NAME} PRIVATE "SHELL:-Xclang -fno-pch-timestamp")  # the same again for ccache
  target_precompile_headers(${NAME} PRIVATE ${ARG_HEADERS})
endfunction()

brig_precompiled(brig_precompiled_asio LIBRARIES brig_boost HEADERS ${brig_asio_headers})
if(BRIG_TESTS)
  brig_precompiled(brig_precompiled_test LIBRARIES GTest::gmock HEADERS ${brig_test_headers})
  brig_precompiled(brig_precompiled_asio_test LIBRARIES brig_boost GTest::gmock HEADERS ${brig_asio_headers} ${brig_test_headers})
endif()

# brig_read_once(TARGET KIND dep…): KIND is "" or _test. Who is made of the room async, directly or not, has Asio.
function(brig_read_once TARGET KIND)
  set(asio "")
  foreach(dep IN LISTS ARGN)
    set(has_asio OFF)
    if(TARGET ${dep})
      get_target_property(has_asio ${dep} BRIG_HAS_ASIO)
    endif()
    if(dep STREQUAL brig_async OR has_asio)
      set(asio _asio)
    endif()
  endforeach()
  if(asio)
    set_target_properties(${TARGET} PROPERTIES BRIG_HAS_ASIO ON)
  endif()
  if(TARGET brig_precompiled${asio}${KIND})
    target_precompile_headers(${TARGET} REUSE_FROM brig_precompiled${asio}${KIND})
  endif()
endfunction()

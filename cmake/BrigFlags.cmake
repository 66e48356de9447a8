# Flags shared by every target. Hardening is not optional: there is no build of Brig without it.
add_library(brig_flags INTERFACE)
target_compile_options(brig_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wnon-virtual-dtor
  -Woverloaded-virtual -Wimplicit-fallthrough
  $<$<COMPILE_LANGUAGE:CXX>:-Wold-style-cast>
  -Wno-gnu-statement-expression          # TRY (src/base/result.h)
  -Wno-gnu-statement-expression-from-macro-expansion
  -Wno-c99-extensions
  -Wno-missing-designated-field-initializers  # naming only the fields that differ is the point
  $<$<BOOL:${BRIG_WERROR}>:-Werror>
  -fstack-protector-strong -fstack-clash-protection -fcf-protection=full
  -ftrivial-auto-var-init=zero -fno-strict-aliasing
  -fno-plt)
target_compile_definitions(brig_flags INTERFACE _GNU_SOURCE _GLIBCXX_ASSERTIONS)
target_include_directories(brig_flags INTERFACE ${CMAKE_SOURCE_DIR}/src)
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  target_compile_definitions(brig_flags INTERFACE _FORTIFY_SOURCE=3)
endif()
target_link_options(brig_flags INTERFACE -Wl,-z,relro,-z,now -Wl,-z,noexecstack -fuse-ld=lld)

if(BRIG_FUZZ)
  target_compile_options(brig_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

# Boost is header-only for us; its warnings are not ours. One release (1.81) for Asio, Beast, JSON and URL.
find_package(Boost 1.81 REQUIRED)
add_library(brig_boost INTERFACE)
target_include_directories(brig_boost SYSTEM INTERFACE ${Boost_INCLUDE_DIRS})
target_compile_definitions(brig_boost INTERFACE
  BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_SEPARATE_COMPILATION BOOST_ASIO_DISABLE_BOOST_COROUTINE
  BOOST_ERROR_CODE_HEADER_ONLY)

# Our programs are linked statically: dynamic linking costs 0.7 ms at every start, and nothing on the host can be slipped under them.
# The sanitizers' run-time libraries do not allow it.
set(BRIG_STATIC -static-pie)
if(CMAKE_CXX_FLAGS MATCHES "-fsanitize")
  set(BRIG_STATIC "")
endif()

# brig_standalone(NAME SOURCES …): a program for the inside of a sandbox, built against musl instead of glibc.
#
# Why another C library: a static glibc program spends 0.65 ms of every start on looking at the processor (CPUID traps in a virtual
# machine) and weighs 800 KB, a musl one 0.08 ms and 80 KB; brig-init starts with every sandbox and is copied into memory each time.
# The sources may use of the C++ library what is only headers: no exceptions, no RTTI, no containers that allocate.
set(musl_triple ${CMAKE_SYSTEM_PROCESSOR}-linux-musl)
find_path(MUSL_INCLUDE stdlib.h PATHS /usr/include/${musl_triple} NO_DEFAULT_PATH REQUIRED)
find_library(MUSL_LIBC libc.a PATHS /usr/lib/${musl_triple} NO_DEFAULT_PATH REQUIRED)
cmake_path(GET MUSL_LIBC PARENT_PATH musl_lib)

# The kernel's headers without glibc's, which stand in the same folder on Debian.
set(kernel_headers ${CMAKE_BINARY_DIR}/kernel-headers)
file(MAKE_DIRECTORY ${kernel_headers})
foreach(link "linux=/usr/include/linux" "asm-generic=/usr/include/asm-generic"
             "asm=/usr/include/${CMAKE_SYSTEM_PROCESSOR}-linux-gnu/asm")
  string(REPLACE "=" ";" link ${link})
  list(GET link 0 name)
  list(GET link 1 place)
  file(CREATE_LINK ${place} ${kernel_headers}/${name} SYMBOLIC)
endforeach()
execute_process(COMMAND ${CMAKE_CXX_COMPILER} -print-resource-dir OUTPUT_VARIABLE clang_resources
                OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
file(GLOB libstdcxx_versions LIST_DIRECTORIES true /usr/include/c++/*)
list(SORT libstdcxx_versions COMPARE NATURAL)
list(GET libstdcxx_versions -1 libstdcxx)
get_filename_component(libstdcxx_version ${libstdcxx} NAME)

function(brig_standalone NAME)
  cmake_parse_arguments(ARG "" "" "SOURCES" ${ARGN})
  add_executable(${NAME} ${ARG_SOURCES} ${CMAKE_SOURCE_DIR}/cmake/standalone.cc)
  # Not brig_flags: its link options and the sanitizers are glibc's.
  target_include_directories(${NAME} PRIVATE ${CMAKE_SOURCE_DIR}/src)
  target_compile_definitions(${NAME} PRIVATE _GNU_SOURCE _GLIBCXX_ASSERTIONS)
  target_compile_options(${NAME} PRIVATE
    --target=${musl_triple} -O2 -g0 -fPIE -fno-sanitize=all -fno-exceptions -fno-rtti -ffunction-sections -fdata-sections
    -fstack-protector-strong -fstack-clash-protection -fcf-protection=full -ftrivial-auto-var-init=zero -fno-strict-aliasing
    -Wall -Wextra -Wconversion -Wsign-conversion -Wshadow -Werror
    -nostdinc "SHELL:-include ${CMAKE_SOURCE_DIR}/cmake/standalone.h"
    "SHELL:-isystem ${libstdcxx}"
    "SHELL:-isystem /usr/include/${CMAKE_SYSTEM_PROCESSOR}-linux-gnu/c++/${libstdcxx_version}"
    "SHELL:-isystem ${MUSL_INCLUDE}" "SHELL:-isystem ${clang_resources}/include" "SHELL:-isystem ${kernel_headers}")
  # Position independent all the same: the kernel gives each start other addresses.
  target_link_options(${NAME} PRIVATE --target=${musl_triple} -fuse-ld=lld -nostdlib -nostartfiles -static-pie -fno-sanitize=all
    -Wl,--no-dynamic-linker,-z,text,-z,relro,-z,now,-z,noexecstack,--gc-sections,--strip-all)
  target_link_libraries(${NAME} PRIVATE ${musl_lib}/rcrt1.o ${musl_lib}/crti.o ${musl_lib}/libc.a ${musl_lib}/crtn.o)
endfunction()

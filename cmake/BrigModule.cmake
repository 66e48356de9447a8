# brig_module(NAME [DEPS room…] SOURCES … HEADERS … [TESTS …] [LINK lib…])
#
# One folder = one static library = one namespace. DEPS are rooms (src/LAYERS says which are allowed); every header is also
# compiled alone, so that it includes what it uses; each TESTS file joins the room's one test program NAME_test.
include(GoogleTest)

function(brig_module NAME)
  cmake_parse_arguments(ARG "" "" "DEPS;SOURCES;HEADERS;TESTS;LINK;TEST_LINK" ${ARGN})
  set(target brig_${NAME})
  add_library(${target} STATIC ${ARG_SOURCES})
  target_sources(${target} PUBLIC FILE_SET HEADERS BASE_DIRS ${CMAKE_SOURCE_DIR}/src FILES ${ARG_HEADERS})
  set_target_properties(${target} PROPERTIES VERIFY_INTERFACE_HEADER_SETS ${BRIG_TESTS})
  list(TRANSFORM ARG_DEPS PREPEND brig_)
  target_link_libraries(${target} PUBLIC brig_flags ${ARG_DEPS} ${ARG_LINK})
  if(ARG_TESTS AND BRIG_TESTS)
    brig_test(${NAME}_test DEPS ${target} SOURCES ${ARG_TESTS} LINK ${ARG_TEST_LINK})
  endif()
endfunction()

# brig_test(NAME DEPS target… SOURCES … [LINK …] [LABEL unit] [TIMEOUT 30])
function(brig_test NAME)
  cmake_parse_arguments(ARG "" "LABEL;TIMEOUT" "DEPS;SOURCES;LINK" ${ARGN})
  if(NOT ARG_LABEL)
    set(ARG_LABEL unit)
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 30)
  endif()
  add_executable(${NAME} ${ARG_SOURCES})
  target_link_libraries(${NAME} PRIVATE brig_flags ${ARG_DEPS} ${ARG_LINK} GTest::gmock GTest::gtest_main)
  target_compile_definitions(${NAME} PRIVATE BRIG_SOURCE_DIR="${CMAKE_SOURCE_DIR}" BRIG_BIN_DIR="${CMAKE_BINARY_DIR}/bin")
  set_target_properties(${NAME} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  gtest_discover_tests(${NAME} PROPERTIES LABELS ${ARG_LABEL} TIMEOUT ${ARG_TIMEOUT} DISCOVERY_TIMEOUT 60)
endfunction()

# brig_python_test(NAME FILE [LABEL unit] [TIMEOUT 120]): a unittest file. It finds the programs under test through BRIG and BRIG_BUILD_DIR;
# -v, because scripts/tally counts its cases and reads why one was skipped.
function(brig_python_test NAME FILE)
  cmake_parse_arguments(ARG "" "LABEL;TIMEOUT" "" ${ARGN})
  if(NOT ARG_LABEL)
    set(ARG_LABEL unit)
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  add_test(NAME ${NAME} COMMAND /usr/bin/python3 -B ${FILE} -v)
  set_tests_properties(${NAME} PROPERTIES LABELS ${ARG_LABEL} TIMEOUT ${ARG_TIMEOUT}
    ENVIRONMENT "BRIG=${CMAKE_BINARY_DIR}/bin/brig;BRIG_BUILD_DIR=${CMAKE_BINARY_DIR}")
endfunction()

# brig as a whole, from its command line: tests/root/harness.py says how they watch it.
function(brig_proof NAME TIMEOUT)
  add_test(NAME proof_${NAME} COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/${NAME}_test.py -v)
  set_tests_properties(proof_${NAME} PROPERTIES LABELS root TIMEOUT ${TIMEOUT} ENVIRONMENT "BRIG_BIN_DIR=${CMAKE_BINARY_DIR}/bin")
endfunction()
brig_proof(limits 300)
brig_proof(deadline 180)
brig_proof(leaks 300)
brig_proof(signals 120)
brig_proof(rootless 120)
brig_proof(mounts 120)
brig_proof(walls 300)
brig_proof(engines 600)

if(CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")  # it reads and writes registers
  brig_test(fault_test DEPS brig_runtimes_process brig_guest SOURCES fault_test.cc LABEL root TIMEOUT 300)
  target_include_directories(fault_test PRIVATE ${CMAKE_SOURCE_DIR}/tests)
  add_dependencies(fault_test brig-launch brig-init)
endif()

brig_proof(attestation 60)

brig_test(leak_test DEPS brig_runtimes_process brig_guest SOURCES leak_test.cc LABEL root TIMEOUT 120)
target_include_directories(leak_test PRIVATE ${CMAKE_SOURCE_DIR}/tests)
add_dependencies(leak_test brig-launch brig-init)

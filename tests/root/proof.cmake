# brig as a whole, from its command line: tests/root/harness.py says how they watch it.
function(brig_proof NAME TIMEOUT)
  add_test(NAME proof_${NAME} COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/${NAME}_test.py)
  set_tests_properties(proof_${NAME} PROPERTIES LABELS root TIMEOUT ${TIMEOUT} ENVIRONMENT "BRIG_BIN_DIR=${CMAKE_BINARY_DIR}/bin")
endfunction()
brig_proof(limits 300)
brig_proof(deadline 180)
brig_proof(leaks 300)
brig_proof(signals 120)

foreach(name dump dump_page gpu_kernels)
  add_test(NAME ${ROSSO_TEST_PREFIX}${name}_test
           COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_SOURCE_DIR}/test_${name}.py
                   ${PROJECT_BINARY_DIR}/bin ${PROJECT_SOURCE_DIR})
  set_tests_properties(${ROSSO_TEST_PREFIX}${name}_test PROPERTIES
    TIMEOUT 900 LABELS compiled SKIP_RETURN_CODE 77 ENVIRONMENT "${ROSSO_TEST_ENVIRONMENT}")
endforeach()

rosso_test(dump_tables_test SOURCES DumpMachine.cpp DumpPackets.cpp
           LIBS rosso_dump emulator_test_support)
rosso_test(listing_test SOURCES DumpListing.cpp LIBS rosso_frontend)
if(TARGET rosso-compiler)
  add_dependencies(listing_test rosso-compiler)
endif()

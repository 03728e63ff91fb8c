# Minutes under sanitizers; what it runs has tests of its own there.
if(NOT ROSSO_SANITIZE)
  add_test(NAME small_formats_test
           COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_SOURCE_DIR}/test_small_formats.py
                   ${PROJECT_BINARY_DIR}/bin)
  set_tests_properties(small_formats_test PROPERTIES
    TIMEOUT 900 LABELS compiled ENVIRONMENT "${ROSSO_TEST_ENVIRONMENT}")
endif()

# The tools as a user runs them. They load the compiler library on a cache miss.
find_package(Python3 REQUIRED COMPONENTS Interpreter)
foreach(name cli demo)
  add_test(NAME ${ROSSO_TEST_PREFIX}${name}_test
           COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_SOURCE_DIR}/test_${name}.py
                   ${PROJECT_BINARY_DIR}/bin ${PROJECT_SOURCE_DIR})
  set_tests_properties(${ROSSO_TEST_PREFIX}${name}_test PROPERTIES
    TIMEOUT 900 LABELS compiled ENVIRONMENT "${ROSSO_TEST_ENVIRONMENT}")
endforeach()

rosso_test(doctor_test SOURCES Doctor.cpp LIBS rosso_doctor kfd_fake emulator_test_support)

add_test(NAME ${ROSSO_TEST_PREFIX}doctor_cli_test
         COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_SOURCE_DIR}/test_doctor.py
                 ${PROJECT_BINARY_DIR}/bin)
set_tests_properties(${ROSSO_TEST_PREFIX}doctor_cli_test PROPERTIES
  TIMEOUT 300 LABELS compiled ENVIRONMENT "${ROSSO_TEST_ENVIRONMENT}")

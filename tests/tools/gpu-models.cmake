# Gigabytes of zeros and billions of emulated instructions: for optimised code only.
if(NOT ROSSO_SANITIZE)
  foreach(shape qwen2.5-7b qwen2.5-14b llama-3.1-8b)
    add_test(NAME gpu_models_test.${shape}
             COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_SOURCE_DIR}/test_gpu_models.py
                     ${PROJECT_BINARY_DIR}/bin ${shape})
    set_tests_properties(gpu_models_test.${shape} PROPERTIES
      TIMEOUT 900 LABELS compiled PROCESSORS 2 ENVIRONMENT "${ROSSO_TEST_ENVIRONMENT}")
  endforeach()
endif()

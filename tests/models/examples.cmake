# The C++ twin of docs/models/qwen2.py, which tests/python/test_qwen2.py runs.
add_executable(qwen2_example Qwen2Example.cpp)
target_link_libraries(qwen2_example PRIVATE rosso_models)
set_target_properties(qwen2_example PROPERTIES
  RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
add_dependencies(qwen2_example rosso-compiler)

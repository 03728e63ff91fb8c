# The targets of models/io. Where libFuzzer is absent, their seeds are still run once.
function(rosso_replay name)
  add_executable(replay-${name} ${name}.cpp replay.cpp)
  target_link_libraries(replay-${name} PRIVATE rosso_models)
  set_target_properties(replay-${name} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
  add_test(NAME ${ROSSO_TEST_PREFIX}replay-${name}
           COMMAND replay-${name} ${PROJECT_SOURCE_DIR}/tests/fuzz/seeds/${name})
  set_tests_properties(${ROSSO_TEST_PREFIX}replay-${name} PROPERTIES
    TIMEOUT 120 ENVIRONMENT "${ROSSO_TEST_ENVIRONMENT}")
endfunction()

foreach(name IN ITEMS gguf tokenizer)
  rosso_fuzz(${name} SOURCES ${name}.cpp SEEDS ${PROJECT_SOURCE_DIR}/tests/fuzz/seeds/${name}
             LIBS rosso_models)
  rosso_replay(${name})
endforeach()

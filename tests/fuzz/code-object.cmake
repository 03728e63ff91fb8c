rosso_fuzz(code-object
  SOURCES code-object.cpp
  SEEDS ${PROJECT_SOURCE_DIR}/tests/fuzz/seeds/code-object
  LIBS rosso_runtime)

rosso_fuzz(program
  SOURCES program.cpp
  SEEDS ${PROJECT_SOURCE_DIR}/tests/fuzz/seeds/program
  LIBS rosso_runtime)

rosso_fuzz(graph
  SOURCES graph.cpp
  SEEDS ${PROJECT_SOURCE_DIR}/tests/fuzz/seeds/graph
  LIBS rosso_frontend)

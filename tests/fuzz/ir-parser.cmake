rosso_fuzz(ir-parser SOURCES ir-parser.cpp SEEDS ${PROJECT_SOURCE_DIR}/tests/ir LIBS rosso_ir)

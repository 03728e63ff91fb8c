rosso_test(tokenize_test SOURCES Tokenize.cpp LIBS rosso_models)
target_compile_definitions(tokenize_test PRIVATE ROSSO_BIN="$<TARGET_FILE_DIR:rosso-tokenize>")
add_dependencies(tokenize_test rosso-tokenize)

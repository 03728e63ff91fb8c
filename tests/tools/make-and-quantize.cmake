rosso_test(make_and_quantize_test SOURCES MakeAndQuantize.cpp LIBS rosso_models)
target_compile_definitions(make_and_quantize_test
  PRIVATE ROSSO_BIN="$<TARGET_FILE_DIR:rosso-quantize>")
add_dependencies(make_and_quantize_test rosso-quantize rosso-make-model)

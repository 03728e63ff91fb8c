rosso_test(weight_loader_test SOURCES WeightLoader.cpp LIBS rosso_models)
add_dependencies(weight_loader_test runtime_test_kernels)
target_compile_definitions(weight_loader_test PRIVATE
  ROSSO_TEST_KERNELS="$<TARGET_FILE:runtime_test_kernels>")

# A stand-in for the compiler library, so that the cache is tested without LLVM.
add_library(fake_compiler MODULE FakeCompiler.cpp)
target_link_libraries(fake_compiler PRIVATE rosso_frontend)

rosso_test(compile_test SOURCES Compile.cpp LIBS rosso_frontend)
add_dependencies(compile_test fake_compiler)
target_compile_definitions(compile_test PRIVATE
  ROSSO_TEST_COMPILER="$<TARGET_FILE:fake_compiler>"
  ROSSO_TEST_NO_COMPILER="$<TARGET_FILE:runtime_test_kernels>")
add_dependencies(compile_test runtime_test_kernels)

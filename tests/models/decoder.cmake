rosso_test(decoder_test
  SOURCES Decoder.cpp DecoderConfig.cpp PlainDecoder.cpp Sampler.cpp SlotEngine.cpp TinyModel.cpp
  LIBS rosso_models LABELS compiled)
# Loads the compiler library at run time.
add_dependencies(decoder_test rosso-compiler)
rosso_test(accuracy_test SOURCES Accuracy.cpp LIBS rosso_models LABELS compiled)
add_dependencies(accuracy_test rosso-compiler)

# The same models on the emulated GPU.
add_test(NAME ${ROSSO_TEST_PREFIX}decoder_test.emu COMMAND decoder_test --gtest_brief=1
         WORKING_DIRECTORY ${PROJECT_BINARY_DIR})
set_tests_properties(${ROSSO_TEST_PREFIX}decoder_test.emu PROPERTIES
  TIMEOUT 900 LABELS compiled ENVIRONMENT "${ROSSO_TEST_ENVIRONMENT};ROSSO_DEVICE=emu")

rosso_test(decoder_test
  SOURCES Decoder.cpp DecoderConfig.cpp PlainDecoder.cpp Sampler.cpp TinyModel.cpp
  LIBS rosso_models LABELS compiled)
# Loads the compiler library at run time.
add_dependencies(decoder_test rosso-compiler)
rosso_test(accuracy_test SOURCES Accuracy.cpp LIBS rosso_models LABELS compiled)
add_dependencies(accuracy_test rosso-compiler)

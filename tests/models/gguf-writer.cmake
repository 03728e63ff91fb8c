rosso_test(gguf_writer_test SOURCES GgufWriter.cpp QuantMix.cpp LIBS rosso_models)

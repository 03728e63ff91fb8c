# Packets, queues, order, and the time model: everything around the shader engine.
rosso_test(emulator_queues_test
  SOURCES CommandProcessor.cpp CopyEngine.cpp Hazards.cpp TimeModel.cpp Transport.cpp
  LIBS rosso_emulator)

# A whole model over the emulated GPU. Loads the compiler's and the emulator's library at run time.
rosso_test(emulator_laws_test
  SOURCES Laws.cpp ../models/TinyModel.cpp
  LIBS rosso_models LABELS compiled)
add_dependencies(emulator_laws_test rosso-compiler rosso-emulator)

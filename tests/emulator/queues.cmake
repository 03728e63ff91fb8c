# Packets, queues, order, and the time model: everything around the shader engine.
rosso_test(emulator_queues_test
  SOURCES CommandProcessor.cpp CopyEngine.cpp Hazards.cpp TimeModel.cpp Transport.cpp
  LIBS rosso_emulator)

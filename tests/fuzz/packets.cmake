# Any bytes in the rings of the emulated GPU: faults, never more.
foreach(kind pm4 sdma)
  rosso_fuzz(${kind} SOURCES ${kind}.cpp SEEDS ${CMAKE_CURRENT_SOURCE_DIR}/seeds/${kind} LIBS rosso_emulator)
endforeach()

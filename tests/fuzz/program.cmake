rosso_fuzz(program SOURCES program.cpp LIBS rosso_runtime)

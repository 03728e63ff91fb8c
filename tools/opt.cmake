rosso_tool(rosso-opt SOURCES rosso-opt.cpp LIBS rosso_passes)

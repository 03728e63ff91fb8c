rosso_tool(rosso-run SOURCES rosso-run.cpp LIBS rosso_cli)

rosso_tool(rosso-dump SOURCES rosso-dump.cpp LIBS rosso_cli)

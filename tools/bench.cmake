rosso_tool(rosso-bench SOURCES rosso-bench.cpp LIBS rosso_cli)

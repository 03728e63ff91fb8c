rosso_tool(rosso-plan SOURCES rosso-plan.cpp LIBS rosso_cli)

rosso_tool(rosso-tokenize SOURCES rosso-tokenize.cpp LIBS rosso_models)

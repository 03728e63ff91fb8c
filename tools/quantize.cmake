find_package(Threads REQUIRED)
rosso_tool(rosso-quantize SOURCES rosso-quantize.cpp LIBS rosso_models Threads::Threads)

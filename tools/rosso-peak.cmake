rosso_tool(rosso-peak SOURCES rosso-peak.cpp)
find_package(Threads REQUIRED)
target_link_libraries(rosso-peak PRIVATE Threads::Threads)

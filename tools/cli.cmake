# What the tools that load a model share.
add_library(rosso_cli STATIC cli/Arguments.cpp cli/Child.cpp cli/Conversation.cpp cli/Generation.cpp cli/Interrupt.cpp
  cli/ModelFlags.cpp cli/Npy.cpp cli/Progress.cpp)
target_link_libraries(rosso_cli PUBLIC rosso_models)

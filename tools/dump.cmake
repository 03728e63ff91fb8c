# rosso-dump; the parts of its page are files of their own, put into the tool here.
set(ROSSO_PAGE ${PROJECT_SOURCE_DIR}/tools/dump/page)
set(ROSSO_PAGE_PARTS ${ROSSO_PAGE}/page.html ${ROSSO_PAGE}/page.css ${ROSSO_PAGE}/page.js)
add_custom_command(
  OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/PageParts.cpp
  COMMAND ${CMAKE_COMMAND} "-DINPUTS=${ROSSO_PAGE_PARTS}"
          -DOUTPUT=${CMAKE_CURRENT_BINARY_DIR}/PageParts.cpp
          -P ${PROJECT_SOURCE_DIR}/tools/dump/Embed.cmake
  DEPENDS ${ROSSO_PAGE_PARTS} ${PROJECT_SOURCE_DIR}/tools/dump/Embed.cmake
  VERBATIM)
add_library(rosso_dump STATIC
  dump/Arena.cpp
  dump/Commands.cpp
  dump/Cost.cpp
  dump/Counts.cpp
  dump/Machine.cpp
  dump/Objects.cpp
  dump/Packets.cpp
  dump/Page.cpp
  dump/Sink.cpp
  dump/Subject.cpp
  dump/Texts.cpp
  ${CMAKE_CURRENT_BINARY_DIR}/PageParts.cpp)
target_link_libraries(rosso_dump PUBLIC rosso_cli rosso_emulator)
rosso_tool(rosso-dump SOURCES rosso-dump.cpp LIBS rosso_dump)

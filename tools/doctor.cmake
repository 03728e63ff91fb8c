add_library(rosso_doctor STATIC doctor/Proof.cpp doctor/ProofKernel.cpp doctor/Report.cpp
  doctor/SurveyGpus.cpp doctor/SurveyHost.cpp)
target_link_libraries(rosso_doctor PUBLIC rosso_cli)
rosso_tool(rosso-doctor SOURCES rosso-doctor.cpp LIBS rosso_doctor)

rosso_tool(rosso-make-model
  SOURCES rosso-make-model.cpp make-model/MadeVocabulary.cpp make-model/RandomWeights.cpp
  LIBS rosso_models)

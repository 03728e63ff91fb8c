rosso_fuzz(sysfs
  SOURCES sysfs.cpp
  SEEDS ${PROJECT_SOURCE_DIR}/tests/fuzz/seeds/sysfs
  LIBS rosso_runtime)

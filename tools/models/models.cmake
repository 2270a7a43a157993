# Generates the AWS shapes at build time: models/aws/*.json -> ${CMAKE_BINARY_DIR}/gen/aws/gen/*.{h,cc}.
# Sets SLIPWAY_GENERATED_aws for slipway_folder(aws). The target aws_shapes makes the headers; every
# folder that uses aws must depend on it before it compiles (slipway_folder sees to that).
find_package(Python3 3.9 REQUIRED COMPONENTS Interpreter)

set(_gen ${CMAKE_BINARY_DIR}/gen/aws/gen)
file(GLOB _models CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/models/aws/*.json)
set(SLIPWAY_GENERATED_aws ${_gen}/models.cc)
set(_headers)
foreach(_model ${_models})
  file(READ ${_model} _text LIMIT 300)
  string(REGEX MATCH "\"namespace\": \"([a-z0-9]+)\"" _ "${_text}")
  list(APPEND SLIPWAY_GENERATED_aws ${_gen}/${CMAKE_MATCH_1}.cc)
  list(APPEND _headers ${_gen}/${CMAKE_MATCH_1}.h)
endforeach()

# The stamp is the output (files that did not change keep their time stamps), the files byproducts.
add_custom_command(
  OUTPUT ${CMAKE_BINARY_DIR}/gen/aws/stamp
  BYPRODUCTS ${SLIPWAY_GENERATED_aws} ${_headers}
  COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tools/models/generate.py ${_gen} ${_models}
  COMMAND ${CMAKE_COMMAND} -E touch ${CMAKE_BINARY_DIR}/gen/aws/stamp
  DEPENDS ${CMAKE_SOURCE_DIR}/tools/models/generate.py ${_models}
  COMMENT "AWS shapes from models/aws" VERBATIM)
add_custom_target(aws_shapes DEPENDS ${CMAKE_BINARY_DIR}/gen/aws/stamp)

# Generates the AWS shapes at build time: models/aws/*.json -> ${CMAKE_BINARY_DIR}/gen/aws/gen/*.{h,cc}.
# Sets SLIPWAY_GENERATED_aws for slipway_folder(aws), and SLIPWAY_GENERATED_TESTS_aws, the toy
# services of its tests. The target aws_shapes makes the headers; every folder that uses aws must
# depend on it before it compiles (slipway_folder sees to that).
find_package(Python3 3.9 REQUIRED COMPONENTS Interpreter)

# slipway_shapes(<include name> <variable for the sources> <models...>)
function(slipway_shapes name variable)
  set(folder ${CMAKE_BINARY_DIR}/gen/aws/${name})
  set(sources)
  set(others ${folder}/models.cc)
  foreach(model ${ARGN})
    file(READ ${model} text LIMIT 300)
    string(REGEX MATCH "\"namespace\": \"([a-z0-9]+)\"" _ "${text}")
    list(APPEND sources ${folder}/${CMAKE_MATCH_1}.cc)
    list(APPEND others ${folder}/${CMAKE_MATCH_1}.h)
  endforeach()
  # The stamp is the output (files that did not change keep their time stamps).
  add_custom_command(
    OUTPUT ${folder}.stamp
    BYPRODUCTS ${sources} ${others}
    COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tools/models/generate.py ${folder} ${ARGN}
    COMMAND ${CMAKE_COMMAND} -E touch ${folder}.stamp
    DEPENDS ${CMAKE_SOURCE_DIR}/tools/models/generate.py ${ARGN}
    COMMENT "AWS shapes: ${name}" VERBATIM)
  set(${variable} ${sources} PARENT_SCOPE)
endfunction()

file(GLOB _models CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/models/aws/*.json)
slipway_shapes(gen SLIPWAY_GENERATED_aws ${_models})
list(APPEND SLIPWAY_GENERATED_aws ${CMAKE_BINARY_DIR}/gen/aws/gen/models.cc)
file(GLOB _models CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/aws/testdata/*.json)
slipway_shapes(toy SLIPWAY_GENERATED_TESTS_aws ${_models})
add_custom_target(aws_shapes DEPENDS ${CMAKE_BINARY_DIR}/gen/aws/gen.stamp
                                     ${CMAKE_BINARY_DIR}/gen/aws/toy.stamp)

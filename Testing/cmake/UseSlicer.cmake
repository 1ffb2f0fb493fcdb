include(CTest)

function(ctkMacroCompilePythonScript)
  set(values TARGET_NAME SOURCE_DIR DESTINATION_DIR INSTALL_DIR)
  cmake_parse_arguments(MY "NO_INSTALL_SUBDIR;GLOBAL_TARGET" "${values}" "SCRIPTS;RESOURCES" ${ARGN})
  foreach(needed TARGET_NAME SCRIPTS DESTINATION_DIR INSTALL_DIR)
    if(NOT MY_${needed})
      message(FATAL_ERROR "${needed} is mandatory")
    endif()
  endforeach()
  if(MY_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "unknown: ${MY_UNPARSED_ARGUMENTS}")
  endif()
  if(NOT MY_SOURCE_DIR)
    set(MY_SOURCE_DIR ${CMAKE_CURRENT_SOURCE_DIR})
  endif()
  foreach(file ${MY_SCRIPTS} ${MY_RESOURCES})
    if(file MATCHES "\\.\\./" OR NOT EXISTS ${MY_SOURCE_DIR}/${file})
      message(FATAL_ERROR "${file} does not lie in ${MY_SOURCE_DIR}")
    endif()
    get_filename_component(folder ${file} DIRECTORY)
    file(COPY ${MY_SOURCE_DIR}/${file} DESTINATION ${MY_DESTINATION_DIR}/${folder})
  endforeach()
  add_custom_target(Copy${MY_TARGET_NAME}PythonScriptFiles ALL)
  if(MY_NO_INSTALL_SUBDIR)
    install(DIRECTORY ${MY_DESTINATION_DIR}/ DESTINATION ${MY_INSTALL_DIR})
  else()
    install(DIRECTORY ${MY_DESTINATION_DIR} DESTINATION ${MY_INSTALL_DIR})
  endif()
endfunction()

function(slicerMacroBuildScriptedModule)
  cmake_parse_arguments(MY "WITH_GENERIC_TESTS;WITH_SUBDIR;VERBOSE" "NAME" "SCRIPTS;RESOURCES" ${ARGN})
  if(MY_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "unknown: ${MY_UNPARSED_ARGUMENTS}")
  endif()
  ctkMacroCompilePythonScript(
    TARGET_NAME ${MY_NAME}
    SCRIPTS ${MY_SCRIPTS}
    RESOURCES ${MY_RESOURCES}
    DESTINATION_DIR ${CMAKE_BINARY_DIR}/${Slicer_QTSCRIPTEDMODULES_LIB_DIR}
    INSTALL_DIR ${Slicer_INSTALL_QTSCRIPTEDMODULES_LIB_DIR}
    NO_INSTALL_SUBDIR
    )
endfunction()

function(slicer_add_python_unittest)
  cmake_parse_arguments(MY "" "SCRIPT;TESTNAME_PREFIX" "SLICER_ARGS" ${ARGN})
  get_filename_component(name ${MY_SCRIPT} NAME_WE)
  if(NOT EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${MY_SCRIPT})
    message(FATAL_ERROR "${MY_SCRIPT} is not there")
  endif()
  add_test(NAME py_${name} COMMAND ${CMAKE_COMMAND} -E true)
endfunction()

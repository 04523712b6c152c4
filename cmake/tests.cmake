# Tests, found by name. ctest names read like paths: core.table, wire.krpc.decode, sim.world, tests.interop.aria2.
#
#   src/**/x_test.c sim/x_test.c tests/x_test.c      a program of its own (base/test.h over cmocka)     label unit
#   tests/wan/wan.c               a program that tests use: the emulator of a wide-area network  ($KAD_WAN)
#   tests/test_x.py test_x.sh, one folder down too   drives the built kad binary ($KAD)                 label interop
#
# A line of its own says more ("//" in C, "#" in scripts):
#   release      only in the release build      (label release)
#   serial       nothing else runs beside it
#   threads      several threads at once: also runs under ThreadSanitizer    (label threads)
#   timeout 600  seconds; 300 if not given
find_path(CMOCKA_INCLUDE cmocka.h)
find_library(CMOCKA_LIBRARY cmocka)
set(sanitizer_environment
    "ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1"
    "UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1"
    "TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1")

# Reads the marks of `file` into mark_release, mark_serial, mark_threads, mark_timeout, and sets wanted: whether this build runs it.
macro(kad_read_marks file)
    file(STRINGS ${file} marks REGEX "^(//|#) (release|serial|threads|timeout [0-9]+)$")
    set_property(DIRECTORY ${CMAKE_SOURCE_DIR} APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
    string(REGEX MATCH "(//|#) release" mark_release "${marks}")
    string(REGEX MATCH "(//|#) serial" mark_serial "${marks}")
    string(REGEX MATCH "(//|#) threads" mark_threads "${marks}")
    set(mark_timeout 300)
    if(marks MATCHES "timeout ([0-9]+)")
        set(mark_timeout ${CMAKE_MATCH_1})
    endif()
    set(wanted OFF)
    if((mark_release AND KAD_RELEASE_TESTS) OR (NOT mark_release AND NOT KAD_RELEASE_TESTS))
        set(wanted ON)
    endif()
endmacro()

function(kad_test_properties name labels)
    if(mark_release)
        list(APPEND labels release)
    endif()
    if(mark_threads)
        list(APPEND labels threads)
    endif()
    set_tests_properties(${name} PROPERTIES LABELS "${labels}" TIMEOUT ${mark_timeout})
    if(mark_serial)
        set_tests_properties(${name} PROPERTIES RUN_SERIAL ON)
    endif()
endfunction()

# "src/core/table_test.c" -> core.table; "tests/interop/test_aria2.py" -> tests.interop.aria2
function(kad_test_name file out)
    file(RELATIVE_PATH name ${CMAKE_SOURCE_DIR} ${file})
    string(REGEX REPLACE "^src/" "" name ${name})
    string(REGEX REPLACE "_test\\.c$" "" name ${name})
    string(REGEX REPLACE "test_([^/]*)\\.(py|sh)$" "\\1" name ${name})
    string(REPLACE "/" "." name ${name})
    set(${out} ${name} PARENT_SCOPE)
endfunction()

if(CMOCKA_INCLUDE AND CMOCKA_LIBRARY)
    # main(), and what the tests of a folder share: src/**/test_*.c, tests/**/test_*.c, sim/test_*.c
    file(GLOB_RECURSE shared CONFIGURE_DEPENDS src/test_*.c sim/test_*.c)
    file(GLOB tests_shared CONFIGURE_DEPENDS tests/test_*.c tests/*/test_*.c)
    list(APPEND shared ${tests_shared})
    list(FILTER shared EXCLUDE REGEX "_test\\.c$")
    add_library(kad-test STATIC EXCLUDE_FROM_ALL ${shared})
    target_compile_definitions(kad-test PRIVATE ${KAD_POSIX})
    target_include_directories(kad-test PUBLIC ${CMOCKA_INCLUDE})
    target_link_libraries(kad-test PUBLIC ${CMOCKA_LIBRARY})

    add_custom_target(thread-tests)
    add_custom_target(release-tests) # not part of `all` there: who runs `make build` wants the program
    file(GLOB_RECURSE unit_tests CONFIGURE_DEPENDS src/*_test.c sim/*_test.c)
    file(GLOB whole_tests CONFIGURE_DEPENDS tests/*_test.c tests/*/*_test.c)
    foreach(file ${unit_tests} ${whole_tests})
        kad_read_marks(${file})
        if(NOT wanted)
            continue()
        endif()
        kad_test_name(${file} name)
        string(REPLACE "." "-" program ${name})
        add_executable(${program}_test ${file})
        set_target_properties(${program}_test PROPERTIES
            RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests EXCLUDE_FROM_ALL ${KAD_RELEASE_TESTS})
        add_dependencies(release-tests ${program}_test)
        if(mark_threads)
            add_dependencies(thread-tests ${program}_test)
        endif()
        # From the top layer down, so that static libraries resolve; the lower half sees libkad alone.
        if(name MATCHES "^(base|crypto|core|wire|channel|engine|store\\.mem)")
            kad_link(${program}_test kad-test kad)
        elseif(name MATCHES "^(sim|lookout)")
            target_compile_definitions(${program}_test PRIVATE ${KAD_POSIX})
            kad_link(${program}_test kad-test kad-sim kad)
        else()
            target_compile_definitions(${program}_test PRIVATE ${KAD_POSIX})
            kad_link(${program}_test kad-test kad-cli kad-node kad-sim kad)
        endif()
        target_compile_definitions(${program}_test PRIVATE KAD_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
        add_test(NAME ${name} COMMAND ${program}_test)
        kad_test_properties(${name} unit)
        set_tests_properties(${name} PROPERTIES ENVIRONMENT
            "${sanitizer_environment};KAD_SOURCE=${CMAKE_SOURCE_DIR};KAD=${CMAKE_BINARY_DIR}/kad")
    endforeach()
else()
    message(STATUS "cmocka not found: no unit tests (tools/install-deps test)")
endif()

add_executable(wan tests/wan/wan.c)
set_target_properties(wan PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests EXCLUDE_FROM_ALL ${KAD_RELEASE_TESTS})
target_compile_definitions(wan PRIVATE ${KAD_POSIX})
target_link_libraries(wan PRIVATE m)

# An example that a test of the network needs: its own protocol, spoken with js-libp2p (tests/libp2p/test_protocol.py).
add_executable(example-echo examples/echo.c)
set_target_properties(example-echo PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests EXCLUDE_FROM_ALL ${KAD_RELEASE_TESTS})
target_compile_definitions(example-echo PRIVATE ${KAD_POSIX})
kad_link(example-echo kad-node kad)

# Two levels, not recursively: tests/interop/node_modules is large.
file(GLOB scripts CONFIGURE_DEPENDS tests/test_*.py tests/test_*.sh tests/*/test_*.py tests/*/test_*.sh
    bindings/*/tests/test_*.py)
foreach(file ${scripts})
    kad_read_marks(${file})
    if(NOT wanted)
        continue()
    endif()
    kad_test_name(${file} name)
    if(file MATCHES "\\.py$")
        add_test(NAME ${name} COMMAND /usr/bin/python3 ${file})
    else()
        add_test(NAME ${name} COMMAND /bin/bash ${file})
    endif()
    kad_test_properties(${name} interop)
    set_tests_properties(${name} PROPERTIES ENVIRONMENT
        "${sanitizer_environment};KAD=${CMAKE_BINARY_DIR}/kad;KAD_SOURCE=${CMAKE_SOURCE_DIR};PYTHONDONTWRITEBYTECODE=1;KAD_WAN=${CMAKE_BINARY_DIR}/tests/wan;KAD_LIBRARY=${CMAKE_BINARY_DIR}/libkad-node.so")
endforeach()

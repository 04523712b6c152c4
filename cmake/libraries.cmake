# The libraries and the program.
find_package(PkgConfig REQUIRED)
pkg_check_modules(SODIUM REQUIRED IMPORTED_TARGET libsodium)
pkg_check_modules(CRYPTO REQUIRED IMPORTED_TARGET libcrypto)
pkg_check_modules(UV REQUIRED IMPORTED_TARGET libuv)
pkg_check_modules(LMDB REQUIRED IMPORTED_TARGET lmdb)
pkg_check_modules(MICROHTTPD REQUIRED IMPORTED_TARGET libmicrohttpd)
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson)
pkg_check_modules(INIH REQUIRED IMPORTED_TARGET inih)

# Sources matching the globs, without tests and without what tests share (test_*.c).
function(kad_find_sources out)
    file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${ARGN})
    list(FILTER sources EXCLUDE REGEX "(_test|/test_[^/]*)\\.c$")
    set(${out} ${sources} PARENT_SCOPE)
endfunction()

set(KAD_INSTALLED)
# kad_library(name POSIX? LINK libs... SOURCES globs...): a folder without sources makes no library.
function(kad_library name)
    cmake_parse_arguments(arg "POSIX;INSTALL" "" "LINK;SOURCES" ${ARGN})
    kad_find_sources(sources ${arg_SOURCES})
    list(FILTER sources EXCLUDE REGEX "/cli/main\\.c$")
    if(NOT sources)
        return()
    endif()
    add_library(${name} STATIC ${sources})
    if(arg_POSIX)
        target_compile_definitions(${name} PRIVATE ${KAD_POSIX})
    endif()
    target_compile_definitions(${name} PRIVATE KAD_VERSION="${PROJECT_VERSION}")
    kad_link(${name} ${arg_LINK})
    if(arg_INSTALL)
        set(KAD_INSTALLED ${KAD_INSTALLED} ${name} PARENT_SCOPE)
    endif()
endfunction()

# Links what exists (libraries come out of globs) and the C library's mathematics.
function(kad_link target)
    foreach(library ${ARGN} m)
        if(TARGET ${library} OR library STREQUAL "m")
            target_link_libraries(${target} PUBLIC ${library})
        endif()
    endforeach()
endfunction()

kad_library(kad INSTALL
    SOURCES src/base/*.c src/crypto/*.c src/core/*.c src/wire/*.c src/channel/*.c src/engine/*.c src/store/mem*.c
    LINK PkgConfig::SODIUM PkgConfig::CRYPTO)
kad_library(kad-node POSIX INSTALL
    SOURCES src/net/*.c src/node/*.c src/http/*.c src/store/lmdb*.c
    LINK kad PkgConfig::UV PkgConfig::LMDB PkgConfig::MICROHTTPD PkgConfig::JANSSON PkgConfig::INIH)
kad_library(kad-sim
    SOURCES sim/*.c
    LINK kad)
kad_library(kad-cli POSIX
    SOURCES src/cli/*.c
    LINK kad-node kad-sim kad)

if(EXISTS ${CMAKE_SOURCE_DIR}/src/cli/main.c)
    add_executable(kad-program src/cli/main.c)
    set_target_properties(kad-program PROPERTIES OUTPUT_NAME kad)
    target_compile_definitions(kad-program PRIVATE ${KAD_POSIX} KAD_VERSION="${PROJECT_VERSION}")
    kad_link(kad-program kad-cli kad-node kad-sim kad)
    list(APPEND KAD_INSTALLED kad-program)
endif()

# What `make install` puts where, and the shared libraries: for programs that are not built here.
#
#   bin/kad                       the program
#   include/kad/                  headers: nothing else of the sources is public
#   lib/libkad.so, libkad.a       the engine        kad.pc        find_package(kad) -> kad::kad
#   lib/libkad-node.so, .a        and the node      kad-node.pc                     -> kad::node
#   share/kad/ share/man/ share/doc/kad/
#   share/bash-completion/ share/zsh/ share/fish/    what completes kad's command line; the program writes it
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# Only what the headers declare leaves a shared library, under one version of symbols. That version, like the soname, is
# the part of KAD_VERSION that changes when programs have to be built anew: major and minor before 1.0, then the major.
if(PROJECT_VERSION_MAJOR EQUAL 0)
    set(KAD_ABI ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
else()
    set(KAD_ABI ${PROJECT_VERSION_MAJOR})
endif()
set(KAD_HEADERS types.h text.h arena.h identity.h settings.h engine.h secure.h kad.h)
set(KAD_NODE_HEADERS ${KAD_HEADERS} node.h protocol.h testnet.h)
foreach(header kad.h ${KAD_NODE_HEADERS})
    list(APPEND kad_header_files ${CMAKE_SOURCE_DIR}/include/kad/${header})
endforeach()

# Relocations of tables of texts, a bit each instead of 24 bytes: where linker and C library (glibc 2.36) know of it.
include(CheckLinkerFlag)
check_linker_flag(C -Wl,-z,pack-relative-relocs KAD_HAVE_PACKED)
if(KAD_HAVE_PACKED)
    set(KAD_PACKED -Wl,-z,pack-relative-relocs)
endif()

# kad_shared(name HEADERS ... OBJECTS targets... LINK libs...): libNAME.so of the objects of static libraries.
function(kad_shared name)
    cmake_parse_arguments(arg "" "" "HEADERS;OBJECTS;LINK" ${ARGN})
    set(map ${CMAKE_BINARY_DIR}/${name}.map)
    list(TRANSFORM arg_HEADERS PREPEND ${CMAKE_SOURCE_DIR}/include/kad/ OUTPUT_VARIABLE headers)
    add_custom_command(OUTPUT ${map}
        COMMAND ${CMAKE_SOURCE_DIR}/tools/public-symbols --map KAD_${KAD_ABI} ${headers} > ${map}
        DEPENDS ${CMAKE_SOURCE_DIR}/tools/public-symbols ${headers}
        COMMENT "Symbols of lib${name}.so" VERBATIM)
    add_custom_target(${name}-map DEPENDS ${map})
    foreach(target ${arg_OBJECTS})
        list(APPEND objects $<TARGET_OBJECTS:${target}>)
    endforeach()
    add_library(${name}-shared SHARED ${objects})
    add_dependencies(${name}-shared ${name}-map)
    string(REPLACE kad-node node exported ${name})
    set_target_properties(${name}-shared PROPERTIES
        OUTPUT_NAME ${name} LINKER_LANGUAGE C EXPORT_NAME ${exported} LINK_DEPENDS ${map}
        VERSION ${PROJECT_VERSION} SOVERSION ${KAD_ABI})
    target_include_directories(${name}-shared INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
    target_link_options(${name}-shared PRIVATE -Wl,--version-script=${map} -Wl,--as-needed ${KAD_PACKED})
    if(NOT KAD_SANITIZE) # what a sanitizer calls is in the program
        target_link_options(${name}-shared PRIVATE -Wl,--no-undefined)
    endif()
    target_link_libraries(${name}-shared PRIVATE ${arg_LINK} m)
    install(TARGETS ${name}-shared EXPORT kad-shared)
endfunction()

if(KAD_SHARED AND NOT KAD_FUZZ AND NOT KAD_COVERAGE)
    kad_shared(kad HEADERS ${KAD_HEADERS} OBJECTS kad LINK PkgConfig::SODIUM PkgConfig::CRYPTO ${KAD_IPSEC_MB})
    kad_shared(kad-node HEADERS ${KAD_NODE_HEADERS} OBJECTS kad kad-node
        LINK PkgConfig::SODIUM PkgConfig::CRYPTO PkgConfig::UV ${KAD_NODE_NEEDS} ${KAD_IPSEC_MB})
    set(shared_exports shared)
endif()

set_target_properties(kad PROPERTIES EXPORT_NAME kad-static)
set_target_properties(kad-node PROPERTIES EXPORT_NAME node-static)
target_include_directories(kad INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
install(TARGETS kad kad-node EXPORT kad-static)
install(TARGETS kad-program)
install(DIRECTORY include/kad DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
if(KAD_SIM)
    install(DIRECTORY sim/scenarios/ DESTINATION ${CMAKE_INSTALL_DATADIR}/kad/scenarios)
endif()
install(DIRECTORY examples/ DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)
install(FILES packaging/kad.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES packaging/kad.conf.5 DESTINATION ${CMAKE_INSTALL_MANDIR}/man5)

# A kad for another machine cannot be asked here. Debian's zsh looks for packages' functions elsewhere than for those of
# /usr/local.
if(NOT CMAKE_CROSSCOMPILING AND NOT KAD_FUZZ)
    set(zsh_folder site-functions)
    if(CMAKE_INSTALL_PREFIX STREQUAL /usr)
        set(zsh_folder vendor-completions)
    endif()
    foreach(row "bash;kad;bash-completion/completions" "zsh;_kad;zsh/${zsh_folder}" "fish;kad.fish;fish/vendor_completions.d")
        list(GET row 0 shell)
        list(GET row 1 name)
        list(GET row 2 folder)
        set(file ${CMAKE_BINARY_DIR}/completion/${shell}/${name})
        add_custom_command(TARGET kad-program POST_BUILD
            COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/completion/${shell}
            COMMAND $<TARGET_FILE:kad-program> --completion ${shell} > ${file} VERBATIM)
        install(FILES ${file} DESTINATION ${CMAKE_INSTALL_DATADIR}/${folder})
    endforeach()
endif()

# find_package(kad)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/kad)
foreach(kind ${shared_exports} static)
    install(EXPORT kad-${kind} NAMESPACE kad:: DESTINATION ${package_dir})
endforeach()
configure_package_config_file(cmake/kadConfig.cmake.in kadConfig.cmake INSTALL_DESTINATION ${package_dir})
if(PROJECT_VERSION_MAJOR EQUAL 0)
    set(compatible SameMinorVersion)
else()
    set(compatible SameMajorVersion)
endif()
write_basic_package_version_file(${CMAKE_BINARY_DIR}/kadConfigVersion.cmake COMPATIBILITY ${compatible})
install(FILES ${CMAKE_BINARY_DIR}/kadConfig.cmake ${CMAKE_BINARY_DIR}/kadConfigVersion.cmake DESTINATION ${package_dir})

# pkg-config. Paths follow the .pc file, so that a tree that was moved (or staged with DESTDIR) is still right. Where
# libraries go may be set as an absolute path (Debian's multiarch is not).
list(TRANSFORM KAD_IPSEC_MB PREPEND " -l" OUTPUT_VARIABLE KAD_PC_LIBS)
set(KAD_PC_NODE_REQUIRES ${KAD_LMDB_MODULE} ${KAD_SSL_MODULE})
list(TRANSFORM KAD_PC_NODE_REQUIRES REPLACE "^.*=" ", ")
list(JOIN KAD_PC_NODE_REQUIRES "" KAD_PC_NODE_REQUIRES)
set(KAD_PC_NODE_LIBS ${KAD_NODE_NEEDS})
list(FILTER KAD_PC_NODE_LIBS EXCLUDE REGEX "::")
list(TRANSFORM KAD_PC_NODE_LIBS PREPEND " -l")
list(JOIN KAD_PC_NODE_LIBS "" KAD_PC_NODE_LIBS)
foreach(name kad kad-node)
    file(RELATIVE_PATH KAD_PC_PREFIX /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
    configure_file(cmake/${name}.pc.in ${name}.pc @ONLY)
    install(FILES ${CMAKE_BINARY_DIR}/${name}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endforeach()

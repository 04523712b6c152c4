# The libraries and the program.
find_package(PkgConfig REQUIRED)
pkg_check_modules(SODIUM REQUIRED IMPORTED_TARGET libsodium)
pkg_check_modules(CRYPTO REQUIRED IMPORTED_TARGET libcrypto)
# AES-GCM for sessions that say much: Debian has it for amd64 only, and without a .pc file. Without it they are slower.
find_path(IPSEC_MB_INCLUDE intel-ipsec-mb.h)
find_library(IPSEC_MB_LIBRARY IPSec_MB)
if(KAD_NETWORK_KAD AND IPSEC_MB_INCLUDE AND IPSEC_MB_LIBRARY AND CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|amd64")
    set(KAD_IPSEC_MB IPSec_MB)
    set_source_files_properties(src/crypto/ready.c PROPERTIES
        COMPILE_DEFINITIONS KAD_HAVE_IPSEC_MB INCLUDE_DIRECTORIES "${IPSEC_MB_INCLUDE}")
endif()
pkg_check_modules(UV REQUIRED IMPORTED_TARGET libuv)
# What libkad-node needs besides, by the parts that are built.
set(KAD_NODE_NEEDS resolv) # the C library's: it reads DNS messages
if(KAD_LMDB)
    pkg_check_modules(LMDB REQUIRED IMPORTED_TARGET lmdb)
    list(APPEND KAD_NODE_NEEDS PkgConfig::LMDB)
    set(KAD_LMDB_MODULE LMDB=lmdb)
endif()
if(KAD_NETWORK_LIBP2P)
    pkg_check_modules(SSL REQUIRED IMPORTED_TARGET libssl)
    list(APPEND KAD_NODE_NEEDS PkgConfig::SSL)
    set(KAD_SSL_MODULE SSL=libssl)
endif()
if(KAD_HTTP)
    pkg_check_modules(MICROHTTPD REQUIRED IMPORTED_TARGET libmicrohttpd)
endif()
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson)
pkg_check_modules(INIH REQUIRED IMPORTED_TARGET inih)
# WebSocket frames. Debian's package has no .pc file.
if(KAD_HTTP OR KAD_NETWORK_LIBP2P)
    find_path(WSLAY_INCLUDE wslay/wslay.h REQUIRED)
    find_library(WSLAY_LIBRARY wslay REQUIRED)
    add_library(kad-wslay INTERFACE IMPORTED)
    target_include_directories(kad-wslay INTERFACE ${WSLAY_INCLUDE})
    target_link_libraries(kad-wslay INTERFACE ${WSLAY_LIBRARY})
    list(APPEND KAD_NODE_NEEDS wslay)
endif()

# Sources matching the globs, without tests, what tests share (test_*.c) and what is left out (parts.cmake).
function(kad_find_sources out)
    file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${ARGN})
    list(FILTER sources EXCLUDE REGEX "(_test|/test_[^/]*)\\.c$")
    list(REMOVE_ITEM sources ${KAD_LEFT_OUT})
    set(${out} ${sources} PARENT_SCOPE)
endfunction()

# kad_library(name POSIX? LINK libs... SOURCES globs... LEAVE_OUT globs...): a folder without sources makes no library.
function(kad_library name)
    cmake_parse_arguments(arg "POSIX" "" "LINK;SOURCES;LEAVE_OUT" ${ARGN})
    kad_find_sources(sources ${arg_SOURCES})
    if(arg_LEAVE_OUT)
        file(GLOB left_out CONFIGURE_DEPENDS ${arg_LEAVE_OUT})
        list(REMOVE_ITEM sources ${left_out})
    endif()
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
endfunction()

# Links what exists (libraries come out of globs) and the C library's mathematics.
function(kad_link target)
    foreach(library ${ARGN} m)
        if(TARGET ${library} OR library STREQUAL "m")
            target_link_libraries(${target} PUBLIC ${library})
        endif()
    endforeach()
endfunction()

kad_library(kad
    SOURCES src/base/*.c src/crypto/*.c src/core/*.c src/wire/*.c src/channel/*.c src/engine/*.c src/store/mem*.c
    LINK PkgConfig::SODIUM PkgConfig::CRYPTO)
target_link_libraries(kad PUBLIC ${KAD_IPSEC_MB})
# Files of settings, lines of log, and how a daemon is found and finds others; their libraries are the program's too.
set(program_parts src/node/config*.c src/node/log.c src/node/manifest.c src/node/sources.c src/node/portmap.c
    src/node/place*.c src/net/place*.c
    src/net/fetch.c src/net/local_discovery.c src/net/portmap*.c)
kad_library(kad-node POSIX
    SOURCES src/net/*.c src/node/*.c src/lookout/*.c src/store/lmdb*.c src/store/without*.c src/store/view.c
    LEAVE_OUT ${program_parts}
    LINK kad PkgConfig::UV)
target_link_libraries(kad-node PUBLIC ${KAD_NODE_NEEDS})
kad_library(kad-sim
    SOURCES sim/*.c src/lookout/*.c
    LINK kad)
# What a program around a node has and an embedded node has not: files of settings, lines of log, a face for others.
kad_library(kad-program-parts POSIX
    SOURCES ${program_parts} src/http/*.c
    LINK kad-node kad PkgConfig::MICROHTTPD kad-wslay PkgConfig::JANSSON PkgConfig::INIH)
# Without these the program is told so when it is asked for what they do.
pkg_check_modules(UPNP IMPORTED_TARGET miniupnpc)
pkg_check_modules(MAXMINDDB IMPORTED_TARGET libmaxminddb)
pkg_check_modules(CURL IMPORTED_TARGET libcurl>=7.85)
if(UPNP_FOUND)
    target_compile_definitions(kad-program-parts PRIVATE KAD_HAVE_UPNP)
    target_link_libraries(kad-program-parts PUBLIC PkgConfig::UPNP)
endif()
if(MAXMINDDB_FOUND)
    target_compile_definitions(kad-program-parts PRIVATE KAD_HAVE_MAXMINDDB)
    target_link_libraries(kad-program-parts PUBLIC PkgConfig::MAXMINDDB)
endif()
if(CURL_FOUND) # loaded when it is needed (net/fetch.c)
    target_compile_definitions(kad-program-parts PRIVATE KAD_HAVE_CURL)
    target_include_directories(kad-program-parts PRIVATE ${CURL_INCLUDE_DIRS})
    target_link_libraries(kad-program-parts PUBLIC ${CMAKE_DL_LIBS})
endif()
if(KAD_HTTP)
    include(cmake/assets.cmake)
endif()
# A load on a server, and the echo it is compared with: for `kad bench` and bench/.
kad_library(kad-bench POSIX
    SOURCES src/bench/*.c
    LINK PkgConfig::SODIUM PkgConfig::CRYPTO)
kad_library(kad-cli POSIX
    SOURCES src/cli/*.c
    LINK kad-program-parts kad-bench kad-node kad-sim kad)

add_executable(kad-program src/cli/main.c)
set_target_properties(kad-program PROPERTIES OUTPUT_NAME kad)
target_compile_definitions(kad-program PRIVATE ${KAD_POSIX} KAD_VERSION="${PROJECT_VERSION}")
kad_link(kad-program kad-cli kad-node kad-sim kad)

# What runs once a second or less is made small rather than fast: libkad is to stay under 400 KiB (tests/install), and a third of
# it would be copies that -O3 makes of such code.
file(GLOB rarely CONFIGURE_DEPENDS src/*/*walk.c src/*/*sound.c
    src/base/cid.c src/base/multi*.c src/base/text.c
    src/channel/admit.c src/channel/busy.c src/channel/channel_handshake.c src/channel/noise.c
    src/core/active.c src/core/bundle.c src/core/churn.c src/core/closest.c src/core/confidence.c src/core/cover.c src/core/gather*.c src/core/harvest.c src/core/hold.c
    src/core/hold_prefix.c src/core/join.c src/core/lost.c src/core/measure.c src/core/near.c src/core/notice.c src/core/operation*.c src/core/paths.c src/core/peers.c
    src/core/publish.c src/core/reach.c src/core/region.c src/core/restore.c src/core/results.c src/core/score*.c
    src/core/serve_merge.c src/core/table_near.c src/core/table_places.c src/core/upkeep.c
    src/crypto/bech32.c src/crypto/crypto.c src/crypto/identity.c src/crypto/passphrase.c src/crypto/peer_id.c
    src/engine/aside.c src/engine/engine_life.c src/engine/engine_state.c src/engine/gate.c src/engine/journal*.c src/engine/libp2p.c src/engine/member.c
    src/engine/network.c src/engine/peers.c src/engine/places.c src/engine/replay.c src/engine/secure.c
    src/engine/settings.c src/engine/shed.c src/engine/swarm_program.c
    src/store/mem_classes.c
    src/wire/kad/name*.c src/wire/kad/record.c src/wire/krpc/krpc_decode.c
    src/wire/libp2p/cbor.c src/wire/libp2p/identify.c src/wire/libp2p/ipns.c src/wire/libp2p/peer_record.c src/wire/libp2p/records.c)
set_source_files_properties(${rarely} PROPERTIES COMPILE_OPTIONS $<$<CONFIG:Release>:-Os>)
# Each answer of libp2p's goes through these. -Os copies with "rep movsb", a fifth of all the server's time;
# -O3 would gain a twentieth over -O2 for 4 KiB more.
set_source_files_properties(src/base/protobuf.c src/wire/libp2p/codec.c src/wire/libp2p/message.c
    PROPERTIES COMPILE_OPTIONS $<$<CONFIG:Release>:-O2>)

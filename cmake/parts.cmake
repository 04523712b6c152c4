# Parts that a build may leave out (docs/building.md): networks, the HTTP face, the simulator, the store on disk.
#
#   cmake -DKAD_NETWORK_LIBP2P=OFF -DKAD_HTTP=OFF ...
#
# A part is a list of files. In its place stand files named without_*.c, which refuse what it would have done; so no other source
# asks what is built, but for those that say so to people: <kad_parts.h>. What only left out parts need is not looked for.
option(KAD_NETWORK_MAINLINE "BitTorrent's Mainline" ON)
option(KAD_NETWORK_KAD "kad's own secure network, and kad-ws" ON)
option(KAD_NETWORK_LIBP2P "libp2p's networks" ON)
option(KAD_HTTP "The HTTP API, its pages and metrics, and the local socket that commands ask a node through" ON)
option(KAD_LMDB "The store on disk" ON)
if(KAD_NETWORK_MAINLINE AND KAD_NETWORK_KAD AND KAD_NETWORK_LIBP2P)
    set(KAD_ALL_NETWORKS ON)
else()
    set(KAD_ALL_NETWORKS OFF)
endif()
option(KAD_SIM "The simulator, which speaks all networks (ON unless one is left out)" ${KAD_ALL_NETWORKS})

if(NOT KAD_NETWORK_MAINLINE AND NOT KAD_NETWORK_KAD AND NOT KAD_NETWORK_LIBP2P)
    message(FATAL_ERROR "KAD_NETWORK_MAINLINE, KAD_NETWORK_KAD, KAD_NETWORK_LIBP2P: at least one of them must be ON")
endif()
if(KAD_SIM AND NOT KAD_ALL_NETWORKS)
    message(FATAL_ERROR "KAD_SIM: the simulator speaks all networks, and one is left out: set KAD_SIM=OFF")
endif()

# kad_part(option FILES globs... INSTEAD globs...): adds to KAD_LEFT_OUT what is not compiled.
set(KAD_LEFT_OUT)
macro(kad_part wanted)
    cmake_parse_arguments(part "" "" "FILES;INSTEAD" ${ARGN})
    if(${wanted})
        file(GLOB part_files CONFIGURE_DEPENDS ${part_INSTEAD})
    else()
        file(GLOB part_files CONFIGURE_DEPENDS ${part_FILES})
    endif()
    list(APPEND KAD_LEFT_OUT ${part_files})
endmacro()

kad_part(KAD_NETWORK_MAINLINE # what programs put there is in every build: engine/mainline_value.c
    FILES src/engine/mainline.c src/wire/krpc/krpc*.c src/wire/krpc/node_id.c src/wire/krpc/parts.c src/wire/krpc/usual.c
    INSTEAD src/engine/without_mainline.c)
kad_part(KAD_NETWORK_KAD
    FILES src/engine/kad.c src/engine/secure.c src/engine/carrier_sessions.c src/wire/kad/*.c
        src/channel/admit.c src/channel/busy.c src/channel/channel*.c src/channel/mask.c src/channel/sessions*.c
        src/channel/window.c src/crypto/ready.c src/crypto/seal.c src/crypto/suite_toy.c
        src/node/relay.c src/node/relay_pick.c src/node/relay_[!p]*.c # relay_places.c has the words of metrics
        src/http/member*.c
    INSTEAD src/engine/without_kad.c src/engine/without_sessions.c src/node/without_relay.c src/http/without_members.c)
kad_part(KAD_NETWORK_LIBP2P
    FILES src/engine/libp2p.c src/engine/swarm*.c src/wire/libp2p/*.c
        src/channel/link*.c src/channel/multistream.c src/channel/noise_xx.c src/channel/pipe.c src/channel/yamux.c
        src/node/libp2p_*.c src/http/libp2p.c src/http/routing.c src/http/metrics_libp2p.c
    INSTEAD src/engine/without_libp2p.c src/node/without_libp2p.c src/http/without_libp2p.c)
kad_part(KAD_HTTP # what is asked of a node in the program's own process (http/api.h) is no HTTP
    FILES src/http/asset.c src/http/door.c src/http/exchange*.c src/http/guard.c src/http/instant.c src/http/member*.c
        src/http/server.c src/http/stream.c src/http/tcp_socket.c src/http/websocket*.c src/http/without_members.c
    INSTEAD src/http/without_server.c)
kad_part(KAD_SIM FILES sim/*.c INSTEAD src/cli/without_sim.c)
kad_part(KAD_LMDB FILES src/store/lmdb*.c INSTEAD src/store/without_lmdb.c)
# What two of them share goes with the last of them.
if(NOT KAD_NETWORK_KAD AND NOT KAD_NETWORK_LIBP2P)
    file(GLOB part_files CONFIGURE_DEPENDS src/channel/buffer.c src/channel/noise.c src/crypto/suite.c)
    list(APPEND KAD_LEFT_OUT ${part_files})
endif()
if(NOT KAD_HTTP AND NOT KAD_NETWORK_LIBP2P)
    file(GLOB part_files src/node/ws_bytes.c)
    list(APPEND KAD_LEFT_OUT ${part_files})
endif()
if(KAD_ALL_NETWORKS AND KAD_HTTP AND KAD_SIM AND KAD_LMDB)
    set(KAD_WHOLE ON)
else()
    set(KAD_WHOLE OFF)
endif()

set(parts_header "/* Made by cmake/parts.cmake. */\n")
foreach(name MAINLINE KAD LIBP2P)
    string(APPEND parts_header "#define KAD_PART_${name} $<BOOL:${KAD_NETWORK_${name}}>\n")
endforeach()
foreach(name HTTP SIM LMDB)
    string(APPEND parts_header "#define KAD_PART_${name} $<BOOL:${KAD_${name}}>\n")
endforeach()
string(APPEND parts_header "#define KAD_PART_KAD_WS $<AND:$<BOOL:${KAD_NETWORK_KAD}>,$<BOOL:${KAD_HTTP}>>\n") # through that face
file(GENERATE OUTPUT ${CMAKE_BINARY_DIR}/generated/kad_parts.h CONTENT "${parts_header}")
include_directories(${CMAKE_BINARY_DIR}/generated)

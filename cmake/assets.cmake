# Files that become part of the program (src/http/asset.h): all of web/dist, or src/http/index.html while there is none, and
# docs/openapi.json. The assembler includes them (.incbin), so their size costs the compiler nothing.
set(KAD_WEB_DIST ${CMAKE_SOURCE_DIR}/web/dist CACHE PATH "Pages that the HTTP face serves at /")
file(GLOB_RECURSE asset_files CONFIGURE_DEPENDS ${KAD_WEB_DIST}/*)
set(asset_base ${KAD_WEB_DIST})
if(NOT EXISTS ${KAD_WEB_DIST}/index.html)
    set(asset_files ${CMAKE_SOURCE_DIR}/src/http/index.html)
    set(asset_base ${CMAKE_SOURCE_DIR}/src/http)
endif()

set(asset_code "/* Made by cmake/assets.cmake. */\n#include \"http/asset.h\"\n\n")
set(asset_rows "")
set(asset_number 0)
macro(kad_add_asset path file)
    set(name kad_asset_${asset_number})
    string(APPEND asset_code
        "__asm__(\".section .rodata\\n${name}:\\n.incbin \\\"${file}\\\"\\n${name}_end:\\n.byte 0\\n.previous\\n\"\n"
        "        \".global ${name}\\n.hidden ${name}\\n.global ${name}_end\\n.hidden ${name}_end\\n\");\n"
        "extern const unsigned char ${name}[] __attribute__((visibility(\"hidden\")));\n"
        "extern const unsigned char ${name}_end[] __attribute__((visibility(\"hidden\")));\n")
    string(APPEND asset_rows "    {\"${path}\", ${name}, ${name}_end},\n")
    math(EXPR asset_number "${asset_number} + 1")
endmacro()
foreach(file ${asset_files})
    file(RELATIVE_PATH path ${asset_base} ${file})
    kad_add_asset(/${path} ${file})
endforeach()
kad_add_asset(/openapi.json ${CMAKE_SOURCE_DIR}/docs/openapi.json)
string(APPEND asset_code "\nconst struct kad_asset kad_assets[] = {\n${asset_rows}    {0, 0, 0},\n};\n")
set(KAD_ASSETS ${CMAKE_BINARY_DIR}/assets.c)
file(CONFIGURE OUTPUT ${KAD_ASSETS} CONTENT "${asset_code}" @ONLY)
# Link-time optimisation would split the labels from their uses; ccache leaves .incbin alone by itself.
set_source_files_properties(${KAD_ASSETS} PROPERTIES
    OBJECT_DEPENDS "${asset_files};${CMAKE_SOURCE_DIR}/docs/openapi.json" COMPILE_OPTIONS "-fno-lto")
target_sources(kad-program-parts PRIVATE ${KAD_ASSETS})

# How everything is compiled. Asserts stay in every build: NDEBUG is never defined.
set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_CXX_STANDARD 17)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

if(NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE Release CACHE STRING "Release, MinSizeRel or Debug" FORCE)
endif()
foreach(language C CXX)
    set(CMAKE_${language}_FLAGS_RELEASE "-O3 -g") # core/table_closest.c counts on loops becoming vectors
    set(CMAKE_${language}_FLAGS_MINSIZEREL "-Os -ffunction-sections -fdata-sections")
    set(CMAKE_${language}_FLAGS_DEBUG "-O1 -g -fno-omit-frame-pointer")
endforeach()

add_compile_options(-Wall -Wextra -Wpedantic -Wshadow
    $<$<COMPILE_LANGUAGE:C>:-Wconversion> $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes>)
# gcc clears a message of some 300 bytes with "rep stos", which takes 40 cycles to get going: a tenth of a whole ping.
include(CheckCCompilerFlag)
set(KAD_MEMSET_STRATEGY -mmemset-strategy=unrolled_loop:512:noalign,libcall:-1:noalign)
check_c_compiler_flag(${KAD_MEMSET_STRATEGY} KAD_HAVE_MEMSET_STRATEGY)
if(KAD_HAVE_MEMSET_STRATEGY)
    add_compile_options($<$<AND:$<CONFIG:Release>,$<COMPILE_LANGUAGE:C>>:${KAD_MEMSET_STRATEGY}>)
endif()
add_link_options($<$<CONFIG:MinSizeRel>:-Wl,--gc-sections>) # what nothing calls
# Tables for unwinding are a tenth of the library, and nothing in it is unwound: no exception may cross it. With -g they stand in
# .debug_frame, which debuggers read and strip takes away.
set(KAD_NO_UNWINDING -fno-asynchronous-unwind-tables -fno-unwind-tables)
add_compile_options("$<$<AND:$<CONFIG:Release,MinSizeRel>,$<COMPILE_LANGUAGE:C>>:${KAD_NO_UNWINDING}>")
add_link_options("$<$<AND:$<CONFIG:Release,MinSizeRel>,$<LINK_LANGUAGE:C>>:${KAD_NO_UNWINDING}>") # of code made when linking
# Paths relative to the root in __FILE__, so that builds agree and failures read well.
add_compile_options(-fmacro-prefix-map=${CMAKE_SOURCE_DIR}/=)
if(KAD_WERROR)
    add_compile_options(-Werror)
endif()
if(KAD_SANITIZE)
    add_compile_options(-fsanitize=${KAD_SANITIZE} -fno-sanitize-recover=all)
    add_link_options(-fsanitize=${KAD_SANITIZE})
endif()
if(KAD_LTO AND CMAKE_C_COMPILER_ID STREQUAL GNU)
    add_compile_options(-flto=auto -ffat-lto-objects)
    add_link_options(-flto=auto)
endif()
if(KAD_COVERAGE)
    add_compile_options(--coverage -O0)
    add_link_options(--coverage)
endif()
if(KAD_FUZZ)
    # libFuzzer follows comparisons, and took half its time for those that UBSan puts before each access. A null pointer
    # is caught by its access too; the other two by the tests, which replay the corpus.
    add_compile_options(-fsanitize=fuzzer-no-link -fno-sanitize=null,alignment,pointer-overflow)
    # Looking whether all is well is nothing to explore.
    set_source_files_properties(src/core/sound.c src/core/table_sound.c PROPERTIES COMPILE_OPTIONS
        -fno-sanitize=fuzzer-no-link)
endif()

include_directories(${CMAKE_SOURCE_DIR}/include ${CMAKE_SOURCE_DIR}/src ${CMAKE_SOURCE_DIR})

# Empty, as in a source's own `#define _GNU_SOURCE`, so that saying it twice is not a redefinition.
set(KAD_POSIX _GNU_SOURCE=)

/* asan_options - what ASan is told in all fuzzers. */

const char *__asan_default_options(void);

/* What one run frees fits into far less than the usual 256 MB that wait before they are used again, and stays in the
 * processor's cache there. */
const char *__asan_default_options(void)
{
    return "quarantine_size_mb=4";
}

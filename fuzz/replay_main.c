/*
 * replay_main - runs a fuzz target over saved inputs, without a fuzzer.
 *
 * Linked with one *_fuzz.c, so that the corpus is a regression test under any compiler and sanitizer. Arguments are
 * files, or directories whose files are all run. No input at all is a failure: an empty corpus proves nothing.
 */
#include <dirent.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak));

static size_t n_run;

static void fail(const char *path, const char *why)
{
    fprintf(stderr, "%s: %s\n", path, why);
    exit(EXIT_FAILURE);
}

static void run_file(const char *path, size_t size)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data =
        malloc(size ? size : 1); /* exactly the input's size: ASan sees the first byte read past it */

    if (!file || !data)
        fail(path, "cannot open");
    if (fread(data, 1, size, file) != size)
        fail(path, "cannot read");
    fclose(file);
    fprintf(stderr, "%s (%zu bytes)\n", path, size); /* the last line before a crash names its input */
    LLVMFuzzerTestOneInput(data, size);
    free(data);
    n_run++;
}

static void run_path(const char *path)
{
    struct stat status;
    struct dirent **entries;
    int n_entries;

    if (stat(path, &status) < 0)
        fail(path, "no such file or directory");
    if (!S_ISDIR(status.st_mode)) {
        run_file(path, (size_t)status.st_size);
        return;
    }
    n_entries = scandir(path, &entries, NULL, alphasort);
    if (n_entries < 0)
        fail(path, "cannot list");
    for (int i = 0; i < n_entries; i++) {
        char inner[4096];

        if (entries[i]->d_name[0] != '.') {
            snprintf(inner, sizeof inner, "%s/%s", path, entries[i]->d_name);
            run_path(inner);
        }
        free(entries[i]);
    }
    free(entries);
}

int main(int argc, char **argv)
{
    if (LLVMFuzzerInitialize)
        LLVMFuzzerInitialize(&argc, &argv);
    for (int i = 1; i < argc; i++)
        run_path(argv[i]);
    if (n_run == 0)
        fail(argv[0], "no inputs: give files or a corpus directory");
    printf("%zu inputs replayed\n", n_run);
    return EXIT_SUCCESS;
}

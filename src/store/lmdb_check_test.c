#include "store/lmdb_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/lmdb.h"
#include "store/test_lmdb.h"
#include "store/test_store.h"

#define NOW  KAD_HOUR
#define PAGE 4096u

/* A real file, and where things stand in it (offsets of LMDB 0.9, see lmdb_check.c). */
struct file {
    uint8_t *data;
    size_t size;
    uint8_t *meta, *main_root, *records, *records_root, *leaf, *free_leaf;
};

static uint64_t number(const uint8_t *at, unsigned n_bytes)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < n_bytes; i++)
        value |= (uint64_t)at[i] << 8 * i;
    return value;
}

static void set_number(uint8_t *at, uint64_t value, unsigned n_bytes)
{
    for (unsigned i = 0; i < n_bytes; i++)
        at[i] = (uint8_t)(value >> 8 * i);
}

static uint8_t *page(struct file *file, uint64_t n)
{
    EXPECT(n < file->size / PAGE);
    return file->data + n * PAGE;
}

static uint8_t *node(uint8_t *page_data, unsigned i)
{
    return page_data + number(page_data + 16 + 2 * i, 2);
}

/* Main holds "kad-store-format", "peers", "records", "state", in this order; records are enough for branches; what was
 * rewritten has left free pages. */
static void load(struct file *file)
{
    const struct kad_mem_store_config config = test_store_plenty();
    struct kad_lmdb_store_config lmdb = {.mem = config};
    struct test_folder folder;
    struct kad_store *store;
    char path[300], why[200];
    FILE *stream;

    test_folder_make(&folder);
    lmdb.path = folder.path;
    EXPECT_EQ(kad_lmdb_store_open(&kad_allocator_system, &lmdb, 42, NOW, why, sizeof why, &store), KAD_OK);
    for (unsigned i = 0; i < 100; i++) {
        EXPECT_EQ(test_store_put(store, i, 200, NULL, NOW + 1000, NOW), KAD_OK);
        EXPECT_EQ(test_store_announce(store, i, test_store_host(false, i, 1, 1), false, NOW + 1000, NOW),
                  KAD_OK);
        if (i % 10 == 0)
            EXPECT_EQ(store->ops->commit(store), KAD_OK);
    }
    EXPECT_EQ(kad_lmdb_state_put(store, "table", (struct kad_bytes){(const uint8_t *)why, sizeof why}),
              KAD_OK);
    store->ops->free(store);
    snprintf(path, sizeof path, "%s/store.mdb", folder.path);
    stream = fopen(path, "rb");
    EXPECT(stream != NULL);
    file->data = malloc(4 << 20);
    EXPECT(file->data != NULL);
    file->size = fread(file->data, 1, 4 << 20, stream);
    fclose(stream);
    test_folder_remove(&folder);

    file->meta = page(file, number(page(file, 0) + 144, 8) < number(page(file, 1) + 144, 8));
    file->main_root = page(file, number(file->meta + 88 + 40, 8));
    EXPECT_EQ(number(file->main_root + 12, 2), 16 + 2 * 4);
    file->records = node(file->main_root, 2) + 8 + strlen("records");
    file->records_root = page(file, number(file->records + 40, 8));
    EXPECT_EQ(number(file->records_root + 10, 2), 1); /* a branch */
    file->leaf = page(file, number(node(file->records_root, 0), 4));
    EXPECT_EQ(number(file->leaf + 10, 2), 2);
    file->free_leaf = page(file, number(file->meta + 40 + 40, 8));
    EXPECT_EQ(number(file->free_leaf + 10, 2), 2);
    EXPECT(number(node(file->free_leaf, 0) + 16, 8) >= 2); /* pages in the first list */
}

/* Writes a number over the file, expects the complaint, and puts back what was there. */
static void expect_complaint(struct file *file, uint8_t *at, uint64_t value, unsigned n_bytes,
                             const char *complaint)
{
    const uint64_t before = number(at, n_bytes);
    const char *what = "nothing";

    EXPECT_EQ(kad_lmdb_check(&kad_allocator_system, (struct kad_bytes){file->data, file->size}, &what),
              KAD_OK);
    set_number(at, value, n_bytes);
    EXPECT_EQ(kad_lmdb_check(&kad_allocator_system, (struct kad_bytes){file->data, file->size}, &what),
              KAD_E_CORRUPT);
    EXPECT_STR(what, complaint);
    set_number(at, before, n_bytes);
}

TEST(a_real_file_is_fine_and_an_empty_one_too)
{
    struct file file;
    const char *what = "nothing";

    load(&file);
    EXPECT_EQ(kad_lmdb_check(&kad_allocator_system, (struct kad_bytes){file.data, file.size}, &what), KAD_OK);
    EXPECT_EQ(kad_lmdb_check(&kad_allocator_system, (struct kad_bytes){file.data, 0}, &what), KAD_OK);
    EXPECT_STR(what, "nothing");
    free(file.data);
}

TEST(meta_pages_are_judged)
{
    struct file file;
    const char *what;

    load(&file);
    expect_complaint(&file, file.data + 16, 1, 4, "no LMDB file");
    expect_complaint(&file, file.data + 40, 0, 4, "impossible page size");
    expect_complaint(&file, file.data + 40, 3000, 4, "impossible page size");
    expect_complaint(&file, file.data + PAGE + 20, 2, 4, "a damaged meta page"); /* another version */
    expect_complaint(&file, file.meta + 136, file.size / PAGE, 8, "cut short");
    expect_complaint(&file, file.meta + 136, UINT64_MAX, 8, "cut short");
    expect_complaint(&file, file.meta + 40 + 4, 0x4009, 2, "a table of an unknown kind"); /* MDB_FIXEDMAP */
    expect_complaint(&file, file.meta + 88 + 4, 4, 2, "a table of an unknown kind");      /* MDB_DUPSORT */
    expect_complaint(&file, file.meta + 88 + 6, 0, 2, "a table of impossible depth");
    expect_complaint(&file, file.meta + 88 + 6, 1000, 2, "a table of impossible depth");
    expect_complaint(&file, file.meta + 88 + 40, 1, 8,
                     "a page number past the end"); /* a meta page as root */
    EXPECT_EQ(kad_lmdb_check(&kad_allocator_system, (struct kad_bytes){file.data, 100}, &what),
              KAD_E_CORRUPT);
    EXPECT_STR(what, "no LMDB file");
    EXPECT_EQ(kad_lmdb_check(&kad_allocator_system, (struct kad_bytes){file.data, 5 * PAGE}, &what),
              KAD_E_CORRUPT);
    EXPECT_STR(what, "cut short");
    free(file.data);
}

TEST(pages_are_judged)
{
    struct file file;

    load(&file);
    expect_complaint(&file, file.leaf, 77, 8, "a page that is not what it should be");     /* its number */
    expect_complaint(&file, file.leaf + 10, 1, 2, "a page that is not what it should be"); /* its kind */
    expect_complaint(&file, file.leaf + 10, 0x22, 2,
                     "a page that is not what it should be"); /* MDB's LEAF2 */
    expect_complaint(&file, file.leaf + 12, number(file.leaf + 14, 2) + 2, 2,
                     "a page with impossible bounds");
    expect_complaint(&file, file.leaf + 12, 17, 2, "a page with impossible bounds");
    expect_complaint(&file, file.leaf + 14, PAGE + 2, 2, "a page with impossible bounds");
    expect_complaint(&file, file.leaf + 12, 16, 2, "a page with too few entries");
    expect_complaint(&file, file.records_root + 12, 18, 2, "a page with too few entries");
    expect_complaint(&file, file.leaf + 12, number(file.leaf + 12, 2) - 2, 2,
                     "a table whose counts are wrong");
    expect_complaint(&file, file.records + 32, 101, 8, "a table whose counts are wrong");
    expect_complaint(&file, node(file.records_root, 0), UINT32_MAX, 4, "a page number past the end");
    expect_complaint(&file, node(file.records_root, 0), number(node(file.records_root, 1), 4), 4,
                     "a page in two places");
    free(file.data);
}

TEST(entries_are_judged)
{
    struct file file;
    uint8_t *entry;

    load(&file);
    entry = node(file.leaf, 0);
    expect_complaint(&file, file.leaf + 16, number(file.leaf + 18, 2), 2, "two entries in one place");
    expect_complaint(&file, file.leaf + 16, PAGE - 4, 2, "an entry outside its page");
    expect_complaint(&file, file.leaf + 16, number(file.leaf + 14, 2) - 2, 2, "an entry outside its page");
    expect_complaint(&file, file.leaf + 16, number(file.leaf + 16, 2) + 1, 2, "an entry outside its page");
    expect_complaint(&file, entry + 6, 0, 2, "an entry outside its page"); /* no key */
    expect_complaint(&file, entry + 6, 600, 2, "an entry outside its page");
    expect_complaint(&file, entry + 2, 1, 2, "an entry outside its page"); /* 65,536 bytes more */
    expect_complaint(&file, entry + 4, 2, 2, "a table where none can be");
    expect_complaint(&file, entry + 4, 4, 2, "an entry of an unknown kind"); /* duplicates */
    expect_complaint(&file, entry + 4, 1, 2,
                     "a page number past the end"); /* large: its content as a number */
    free(file.data);
}

/* A page that is both free and in use is the worst: LMDB would write over what it holds. */
TEST(lists_of_free_pages_are_judged)
{
    struct file file;
    uint8_t *entry;

    load(&file);
    entry = node(file.free_leaf, 0);
    expect_complaint(&file, entry + 16 + 8, number(file.leaf, 8), 8, "a page in two places");
    expect_complaint(&file, entry + 16 + 8, number(entry + 16 + 16, 8), 8, "a malformed list of free pages");
    expect_complaint(&file, entry + 16 + 8, UINT64_MAX - 1, 8, "a page number past the end");
    expect_complaint(&file, entry + 16, 1000000, 8, "a malformed list of free pages");
    expect_complaint(&file, entry + 8, UINT64_MAX, 8,
                     "a malformed list of free pages"); /* of a later transaction */
    free(file.data);
}

TEST(want_of_memory_is_not_corruption)
{
    struct test_store_memory memory;
    struct file file;
    const char *what;

    load(&file);
    test_store_memory_init(&memory);
    memory.fail_at = 1;
    EXPECT_EQ(kad_lmdb_check(&memory.allocator, (struct kad_bytes){file.data, file.size}, &what),
              KAD_E_MEMORY);
    EXPECT_EQ(memory.in_use, 0);
    free(file.data);
}

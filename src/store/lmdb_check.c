#include "store/lmdb_check.h"

#include <string.h>

#define MAGIC        UINT32_C(0xbeefc0de)
#define VERSION      1u
#define NO_PAGE      UINT64_MAX
#define PAGE_HEADER  16u
#define NODE_HEADER  8u
#define TABLE_SIZE   48u
#define DEPTH_MAX    32u
#define KEY_MAX      511u
#define LARGEST_PAGE 65536u

/* Kinds of pages and of nodes. */
enum { PAGE_BRANCH = 1, PAGE_LEAF = 2, PAGE_OVERFLOW = 4, PAGE_META = 8 };
enum { NODE_BIG = 1, NODE_TABLE = 2 };
/* Flags of tables; the free table's also hold those of the environment. */
enum { TABLE_INTEGER_KEYS = 0x08, ENV_NO_SUBDIR = 0x4000 };
/* Where things stand: in a page, */
enum { AT_NUMBER = 0, AT_KIND = 10, AT_LOWER = 12, AT_UPPER = 14, AT_RUN = 12 };
/* in a meta page, */
enum {
    AT_MAGIC = 16,
    AT_VERSION = 20,
    AT_FREE = 40,
    AT_MAIN = 88,
    AT_LAST_PAGE = 136,
    AT_TXN = 144,
    META_END = 152
};
/* in a table's description, */
enum {
    AT_PAGE_SIZE = 0,
    AT_FLAGS = 4,
    AT_DEPTH = 6,
    AT_BRANCHES = 8,
    AT_LEAVES = 16,
    AT_RUNS = 24,
    AT_ENTRIES = 32,
    AT_ROOT = 40
};
/* and in a node. */
enum { AT_LOW = 0, AT_HIGH = 2, AT_NODE_FLAGS = 4, AT_KEY_SIZE = 6 };

enum table_kind { FREE_TABLE, MAIN_TABLE, OUR_TABLE };

struct table {
    enum table_kind kind;
    unsigned depth;
    uint64_t n_branches, n_leaves, n_overflow, n_entries; /* counted */
    uint64_t newest;                                      /* FREE_TABLE: the last key */
};

struct check {
    struct kad_bytes file;
    uint64_t page_size, n_pages, txn;
    uint8_t *seen; /* a bit per page */
    const char *what;
};

static uint64_t number(const uint8_t *at, unsigned n_bytes)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < n_bytes; i++)
        value |= (uint64_t)at[i] << 8 * i;
    return value;
}

static bool wrong(struct check *check, const char *what)
{
    check->what = what;
    return false;
}

/* Takes a run of pages for one use. */
static bool claim(struct check *check, uint64_t page, uint64_t n)
{
    if (page < 2 || page >= check->n_pages || n == 0 || n > check->n_pages - page)
        return wrong(check, "a page number past the end");
    for (uint64_t i = page; i < page + n; i++) {
        const uint8_t bit = (uint8_t)(1u << i % 8);

        if (check->seen[i / 8] & bit)
            return wrong(check, "a page in two places");
        check->seen[i / 8] |= bit;
    }
    return true;
}

static const uint8_t *page_at(const struct check *check, uint64_t page)
{
    return check->file.data + page * check->page_size;
}

static bool check_table(struct check *check, const uint8_t *description, enum table_kind kind);

/* A list of free pages: a count, then that many page numbers, falling. */
static bool check_free_list(struct check *check, struct table *table, const uint8_t *key, size_t key_size,
                            const uint8_t *data, uint64_t size)
{
    uint64_t count, before = NO_PAGE, txn;

    if (key_size != 8 || size < 8)
        return wrong(check, "a malformed list of free pages");
    txn = number(key, 8);
    count = number(data, 8);
    if (txn <= table->newest || txn > check->txn || count > size / 8 - 1)
        return wrong(check, "a malformed list of free pages");
    table->newest = txn;
    for (uint64_t i = 1; i <= count; i++) {
        const uint64_t page = number(data + 8 * i, 8);

        if (page >= before)
            return wrong(check, "a malformed list of free pages");
        if (!claim(check, page, 1))
            return false;
        before = page;
    }
    return true;
}

static bool check_content(struct check *check, struct table *table, const uint8_t *node, size_t key_size,
                          uint64_t size)
{
    const unsigned flags = (unsigned)number(node + AT_NODE_FLAGS, 2);
    const uint8_t *data = node + NODE_HEADER + key_size;

    table->n_entries++;
    if (flags == NODE_BIG) {
        const uint64_t page = number(data, 8);
        const uint8_t *at;
        uint64_t run;

        if (page < 2 || page >= check->n_pages)
            return wrong(check, "a page number past the end");
        at = page_at(check, page);
        run = number(at + AT_RUN, 4);
        if (number(at + AT_NUMBER, 8) != page || number(at + AT_KIND, 2) != PAGE_OVERFLOW ||
            run * check->page_size < PAGE_HEADER + size)
            return wrong(check, "a malformed run of pages");
        if (!claim(check, page, run))
            return false;
        table->n_overflow += run;
        data = at + PAGE_HEADER;
    } else if (flags == NODE_TABLE) {
        return table->kind == MAIN_TABLE && size == TABLE_SIZE ? check_table(check, data, OUR_TABLE)
                                                               : wrong(check, "a table where none can be");
    } else if (flags != 0) {
        return wrong(check, "an entry of an unknown kind");
    }
    return table->kind != FREE_TABLE ||
           check_free_list(check, table, node + NODE_HEADER, key_size, data, size);
}

static bool check_page(struct check *check, struct table *table, uint64_t page, unsigned level);

/* A node of a page of `is_leaf`: inside the page, over nothing else in it. */
static bool check_node(struct check *check, struct table *table, const uint8_t *at, uint64_t offset,
                       uint8_t *used, unsigned level)
{
    const bool is_leaf = level == table->depth;
    const uint8_t *node = at + offset;
    uint64_t size = NODE_HEADER, content = 0, key_size;

    if (offset % 2 != 0 || offset < number(at + AT_UPPER, 2) || offset + NODE_HEADER > check->page_size)
        return wrong(check, "an entry outside its page");
    key_size = number(node + AT_KEY_SIZE, 2);
    size += key_size;
    if (is_leaf) {
        content = number(node + AT_LOW, 2) | number(node + AT_HIGH, 2) << 16;
        size += number(node + AT_NODE_FLAGS, 2) & NODE_BIG ? 8 : content;
    }
    if (key_size > KEY_MAX || (is_leaf && key_size == 0) || offset + size > check->page_size)
        return wrong(check, "an entry outside its page");
    for (uint64_t i = offset / 2; i < (offset + size + 1) / 2; i++) {
        if (used[i])
            return wrong(check, "two entries in one place");
        used[i] = 1;
    }
    if (is_leaf)
        return check_content(check, table, node, key_size, content);
    return check_page(check, table,
                      number(node + AT_LOW, 2) | number(node + AT_HIGH, 2) << 16 |
                          number(node + AT_NODE_FLAGS, 2) << 32,
                      level + 1);
}

/* Level 1 is the root; at the table's depth are the leaves. */
static bool check_page(struct check *check, struct table *table, uint64_t page, unsigned level)
{
    const bool is_leaf = level == table->depth;
    uint8_t
        used[LARGEST_PAGE / 2]; /* at most DEPTH_MAX of these: a megabyte of stack for a file of nonsense */
    const uint8_t *at;
    uint64_t lower, n_nodes;

    if (!claim(check, page, 1))
        return false;
    at = page_at(check, page);
    lower = number(at + AT_LOWER, 2);
    if (number(at + AT_NUMBER, 8) != page || number(at + AT_KIND, 2) != (is_leaf ? PAGE_LEAF : PAGE_BRANCH))
        return wrong(check, "a page that is not what it should be");
    if (lower < PAGE_HEADER || lower % 2 != 0 || lower > number(at + AT_UPPER, 2) ||
        number(at + AT_UPPER, 2) > check->page_size)
        return wrong(check, "a page with impossible bounds");
    n_nodes = (lower - PAGE_HEADER) / 2;
    if (n_nodes < (is_leaf ? 1 : 2))
        return wrong(check, "a page with too few entries");
    memset(used, 0, check->page_size / 2);
    if (is_leaf)
        table->n_leaves++;
    else
        table->n_branches++;
    for (uint64_t i = 0; i < n_nodes; i++) {
        if (!check_node(check, table, at, number(at + PAGE_HEADER + 2 * i, 2), used, level))
            return false;
    }
    return true;
}

static bool check_table(struct check *check, const uint8_t *description, enum table_kind kind)
{
    struct table table = {.kind = kind, .depth = (unsigned)number(description + AT_DEPTH, 2)};
    const uint64_t flags = number(description + AT_FLAGS, 2), root = number(description + AT_ROOT, 8);

    if (kind == FREE_TABLE ? (flags & ~(uint64_t)ENV_NO_SUBDIR) != TABLE_INTEGER_KEYS : flags != 0)
        return wrong(check, "a table of an unknown kind");
    if (table.depth > DEPTH_MAX || (root == NO_PAGE) != (table.depth == 0))
        return wrong(check, "a table of impossible depth");
    if (root != NO_PAGE && !check_page(check, &table, root, 1))
        return false;
    if (table.n_branches != number(description + AT_BRANCHES, 8) ||
        table.n_leaves != number(description + AT_LEAVES, 8) ||
        table.n_overflow != number(description + AT_RUNS, 8) ||
        table.n_entries != number(description + AT_ENTRIES, 8))
        return wrong(check, "a table whose counts are wrong");
    return true;
}

static bool is_meta(const struct check *check, uint64_t page)
{
    const uint8_t *at = page_at(check, page);

    return number(at + AT_NUMBER, 8) == page && number(at + AT_KIND, 2) == PAGE_META &&
           number(at + AT_MAGIC, 4) == MAGIC && number(at + AT_VERSION, 4) == VERSION &&
           number(at + AT_FREE + AT_PAGE_SIZE, 4) == check->page_size;
}

static bool read_metas(struct check *check, const uint8_t **out_newest)
{
    if (check->file.size < META_END || number(check->file.data + AT_MAGIC, 4) != MAGIC)
        return wrong(check, "no LMDB file");
    check->page_size = number(check->file.data + AT_FREE + AT_PAGE_SIZE, 4);
    if (check->page_size < 512 || check->page_size > LARGEST_PAGE ||
        (check->page_size & (check->page_size - 1)) != 0 || check->file.size < 2 * check->page_size)
        return wrong(check, "impossible page size");
    if (!is_meta(check, 0) || !is_meta(check, 1))
        return wrong(check, "a damaged meta page");
    *out_newest =
        page_at(check, number(page_at(check, 0) + AT_TXN, 8) < number(page_at(check, 1) + AT_TXN, 8));
    check->txn = number(*out_newest + AT_TXN, 8);
    check->n_pages = number(*out_newest + AT_LAST_PAGE, 8) + 1;
    if (check->n_pages < 2 || check->n_pages > check->file.size / check->page_size)
        return wrong(check, "cut short");
    return true;
}

int kad_lmdb_check(const struct kad_allocator *allocator, struct kad_bytes file, const char **out_what)
{
    const uint16_t one = 1;
    struct check check = {.file = file};
    const uint8_t *meta;
    size_t seen_size;
    bool fine;

    if (file.size == 0 || sizeof(void *) != 8 || *(const uint8_t *)&one != 1)
        return KAD_OK;
    if (!read_metas(&check, &meta)) {
        *out_what = check.what;
        return KAD_E_CORRUPT;
    }
    seen_size = (size_t)(check.n_pages / 8 + 1);
    check.seen = kad_alloc_zero(allocator, seen_size);
    if (!check.seen)
        return KAD_E_MEMORY;
    fine = check_table(&check, meta + AT_MAIN, MAIN_TABLE) && check_table(&check, meta + AT_FREE, FREE_TABLE);
    kad_free(allocator, check.seen, seen_size);
    if (!fine)
        *out_what = check.what;
    return fine ? KAD_OK : KAD_E_CORRUPT;
}

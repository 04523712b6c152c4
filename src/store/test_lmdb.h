/* test_lmdb - a folder of its own for each store under test. */
#ifndef KAD_STORE_TEST_LMDB_H
#define KAD_STORE_TEST_LMDB_H

struct test_folder {
    char path[200];
};

void test_folder_make(struct test_folder *folder);
void test_folder_remove(const struct test_folder *folder); /* with the files in it */

#endif

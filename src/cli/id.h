/* id - what the parts of `kad id` share: files that hold an identity, and how one is shown. */
#ifndef KAD_CLI_ID_H
#define KAD_CLI_ID_H

#include "cli/cli.h"
#include "cli/passphrase.h"
#include "node/key_file.h"

#define KAD_ID_PATH 4096 /* bytes of a path */

enum kad_exit kad_id_exit(int error);

/* The file that is meant: `named`, or where a node of this user keeps its own. */
const char *kad_id_path(const char *named, char room[KAD_ID_PATH]);
const char *kad_id_argument(const struct kad_cli *cli); /* behind the word; NULL: none */

/* Exit codes; what went wrong was said. */
int kad_id_load(const struct kad_cli *cli, const char *path, struct kad_key_file *out_file);
/* The key pair in a file; `ask`: for its passphrase, on the terminal. *out_given: `passphrase` holds it; kad_wipe(). */
int kad_id_open(const struct kad_cli *cli, const char *path, const struct kad_key_file *file, bool ask,
                char passphrase[KAD_PASSPHRASE_TEXT], bool *out_given, struct kad_identity *out_identity);
/* `passphrase`: NULL: not sealed. */
int kad_id_save(const struct kad_cli *cli, const char *path, const struct kad_identity *identity,
                const char *passphrase);
/* Would there be a place for a new file? Asked before a search that may take long. */
int kad_id_check_place(const struct kad_cli *cli, const char *path);

json_t *kad_id_describe(const uint8_t key[KAD_IDENTITY_SIZE]);
/* Takes over `object`. For people: the pairs of it that they look for. */
void kad_id_print(const struct kad_cli *cli, json_t *object);

int kad_id_export(struct kad_cli *cli); /* id_pem.c */
int kad_id_import(struct kad_cli *cli);

#endif

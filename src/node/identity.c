/* identity - who a node is, in networks where nodes are somebody: given, on disk, or made now. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "crypto/crypto.h"
#include "node/key_file.h"
#include "node/parts.h"

struct search {
    const struct kad_node *node;
    double told_s;
};

/* About once a second: who waits wants to know for what. */
static bool tell_search(void *context, const struct kad_key_progress *progress)
{
    struct search *search = context;
    char tries[24], bits[8];

    if (progress->elapsed_s < search->told_s + 1)
        return true;
    search->told_s = progress->elapsed_s;
    snprintf(tries, sizeof(tries), "%" PRIu64, progress->n_tries);
    snprintf(bits, sizeof(bits), "%u", progress->bits);
    kad_tell(search->node, KAD_LOG_INFO, "identity_search", "tries", tries, "bits", bits, NULL);
    return true;
}

/* An id that was asked for must be this one's: nobody chooses his place. */
static bool fits(const struct kad_node *node, const struct kad_identity *identity)
{
    const struct kad_id id = kad_identity_id(identity->public_key);

    return !node->config.has_id || memcmp(id.bytes, node->config.id.bytes, sizeof(id.bytes)) == 0;
}

/* Of one who shares its storage, unless another file was named. */
static const struct kad_node *kin(const struct kad_node *node)
{
    if (node->config.identity)
        return NULL;
    for (const struct kad_node *user = node->storage->users; user; user = user->storage_next) {
        if (user != node && user->config.has_secret)
            return user;
    }
    return NULL;
}

/* Another one, as `kad id rotate` makes it. What stands in the way is told, and is no reason not to start. */
static void rotate(struct kad_node *node, const struct kad_key_wish *wish, const struct kad_key_file *file)
{
    struct kad_key_wish search = *wish;
    struct kad_identity old, fresh = {.secret = {0}};
    char why[256], text[KAD_IDENTITY_TEXT];
    int error;

    search.path = NULL;
    if (kad_key_file_open(file, wish->passphrase, &old) != KAD_OK)
        return; /* who opens it to take it says why */
    error = kad_key_file_load_or_make(&search, &fresh, NULL, why, sizeof(why));
    if (!error)
        error = kad_key_file_rotate(wish->path, file, &old, &fresh, file->is_sealed ? wish->passphrase : NULL,
                                    kad_node_clock(node), NULL, why, sizeof(why));
    if (error)
        kad_tell(node, KAD_LOG_WARN, "identity_not_rotated", "why", why, NULL);
    else
        kad_tell(node, KAD_LOG_INFO, "identity_rotated", "was", kad_identity_format(file->public_key, text),
                 NULL);
    kad_identity_wipe(&old);
    kad_identity_wipe(&fresh);
}

/* P012: on a schedule. */
static void rotate_if_due(struct kad_node *node, const struct kad_key_wish *wish)
{
    const kad_ms every = node->config.rotate_every_ms;
    struct kad_key_file file;
    char why[256];

    if (!every || !wish->path || kad_key_file_load(wish->path, &file, why, sizeof(why)) != KAD_OK)
        return;
    node->rotate_at = kad_key_file_since(wish->path, &file) + every;
    if (node->rotate_at <= kad_node_clock(node)) {
        rotate(node, wish, &file);
        node->rotate_at = kad_node_clock(node) + every;
    }
    kad_key_file_wipe(&file);
}

int kad_node_take_identity(struct kad_node *node, char *why, size_t why_size)
{
    char path[KAD_DATA_PATH + sizeof(KAD_KEY_FILE_NAME) + 1];
    struct search search = {.node = node};
    struct kad_key_wish wish = {
        .path = node->config.identity,
        .passphrase = node->config.passphrase,
        .bits = kad_network_puzzle(node->config.network),
        .on_progress = tell_search,
        .context = &search,
    };
    const struct kad_node *relative = kin(node);
    struct kad_identity identity;
    char text[KAD_IDENTITY_TEXT];
    bool made = false;
    int error = KAD_OK;

    if (!kad_network_has_identities(node->config.network))
        return KAD_OK;
    if (node->config.has_secret) {
        kad_identity_from_seed(&identity, node->config.secret);
    } else if (relative) {
        kad_identity_from_seed(&identity, relative->config.secret);
        kad_former_share(node, relative);
    } else {
        if (!wish.path && kad_storage_has_data_dir(node)) {
            snprintf(path, sizeof(path), "%s/%s", node->storage->data_dir.path, KAD_KEY_FILE_NAME);
            wish.path = path;
        }
        rotate_if_due(node, &wish);
        error = kad_key_file_load_or_make(&wish, &identity, &made, why, why_size);
        if (!error && wish.path && !made)
            kad_former_load(node, wish.path);
    }
    if (node->config.passphrase) { /* our copy, among `texts` */
        kad_wipe(node->texts + (node->config.passphrase - node->texts), strlen(node->config.passphrase));
        node->config.passphrase = NULL;
    }
    if (!error && !fits(node, &identity)) {
        kad_identity_wipe(&identity);
        snprintf(why, why_size, "node_id: is not the id of this node's key pair");
        error = KAD_E_INVALID;
    }
    if (error)
        return error;
    memcpy(node->config.secret, identity.secret, sizeof(node->config.secret));
    node->config.has_secret = true;
    kad_tell(node, KAD_LOG_INFO, made ? "identity_made" : "identity", "id",
             kad_identity_format(identity.public_key, text), NULL);
    kad_identity_wipe(&identity);
    return KAD_OK;
}

/*
 * former - the identities this node was before (P012): who looks for one of them finds this one.
 *
 * `kad id rotate` leaves the old key file beside the new one, which says whom it took over from. As long as those are there, the
 * node keeps under the old `peer:` name, signed with the old key, that it moved (node/moved.h), straight to what it is now; for
 * config.moved_for_ms since it did. What the old ones own goes on: their publications are renewed with the signers they were kept
 * with, and may be changed and taken back (kad_node_seed_for()).
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "crypto/crypto.h"
#include "kad/secure.h"
#include "node/key_file.h"
#include "node/moved.h"
#include "node/parts.h"

#define SOON  (2 * KAD_SECOND)
#define AGAIN KAD_MINUTE /* when nobody took it, or too much else is under way */

/* -- who they are ------------------------------------------------------------------------------------------------- */

/* One that is not there, or does not open, was put away on purpose. */
static void take(struct kad_node *node, const char *path, const struct kad_move *move)
{
    struct kad_former *former = &node->formers[node->n_formers];
    char text[KAD_IDENTITY_TEXT], old_path[KAD_DATA_PATH + 64], why[256];
    struct kad_key_file file;
    int error;

    kad_identity_format(move->from, text);
    if (!kad_key_file_old_path(path, move->from, old_path, sizeof(old_path)))
        return;
    error = kad_key_file_load(old_path, &file, why, sizeof(why));
    if (!error)
        error = kad_key_file_open(&file, node->config.passphrase, &former->identity);
    if (!error && memcmp(former->identity.public_key, move->from, sizeof(move->from)) != 0)
        error = KAD_E_CORRUPT;
    kad_key_file_wipe(&file);
    if (error) {
        kad_wipe(former, sizeof(*former));
        kad_tell(node, error == KAD_E_NOT_FOUND ? KAD_LOG_INFO : KAD_LOG_WARN, "former_identity_missing",
                 "id", text, "file", old_path, "why", kad_error_text(error), NULL);
        return;
    }
    former->moved_at = move->made_at;
    node->n_formers++;
    kad_tell(node, KAD_LOG_INFO, "former_identity", "id", text, NULL);
}

void kad_former_load(struct kad_node *node, const char *path)
{
    struct kad_key_file file;
    char why[256];

    node->former_sequence = kad_node_clock(node); /* higher than what the old one put while it was itself */
    if (kad_key_file_load(path, &file, why, sizeof(why)) != KAD_OK)
        return;
    for (size_t i = 0; i < file.n_moves; i++)
        take(node, path, &file.moves[i]);
    kad_key_file_wipe(&file);
}

void kad_former_share(struct kad_node *node, const struct kad_node *relative)
{
    node->former_sequence = relative->former_sequence;
    node->n_formers = relative->n_formers;
    for (size_t i = 0; i < relative->n_formers; i++) {
        node->formers[i].identity = relative->formers[i].identity;
        node->formers[i].moved_at = relative->formers[i].moved_at;
    }
}

void kad_former_wipe(struct kad_node *node)
{
    kad_wipe(node->formers, sizeof(node->formers));
    node->n_formers = 0;
}

const uint8_t *kad_node_former(const struct kad_node *node, const uint8_t public_key[KAD_IDENTITY_SIZE])
{
    for (size_t i = 0; i < node->n_formers; i++) {
        if (memcmp(node->formers[i].identity.public_key, public_key, KAD_IDENTITY_SIZE) == 0)
            return node->formers[i].identity.secret;
    }
    return NULL;
}

const uint8_t *kad_node_seed_for(const struct kad_node *node, const struct kad_secure_name *name)
{
    const struct kad_kept *kept = NULL;
    uint8_t signer[32];
    struct kad_id key;

    kad_secure_key(name, &key);
    for (size_t i = 0; i < node->kept.n && !kept; i++) {
        if (node->kept.list[i].request.renews &&
            memcmp(&node->kept.list[i].request.target, &key, sizeof(key)) == 0)
            kept = &node->kept.list[i];
    }
    for (size_t i = 0; kept && i < node->n_formers; i++) {
        const uint8_t *seed = node->formers[i].identity.secret;

        if (kad_secure_signer(name, seed, signer) == KAD_OK &&
            memcmp(signer, kept->request.signer, sizeof(signer)) == 0)
            return seed;
    }
    return node->config.secret;
}

/* -- what they published ------------------------------------------------------------------------------------------ */

/* Where the identity itself signs, and many may say the same, it is from now on this one that does. */
bool kad_former_resign(const struct kad_node *node, struct kad_request *request)
{
    struct kad_record *record = &request->record;

    if (!request->renews || record->type != KAD_CLASS_PROVIDER)
        return false;
    for (size_t i = 0; i < node->n_formers; i++) {
        if (memcmp(request->signer, node->formers[i].identity.secret, sizeof(request->signer)) != 0)
            continue;
        memcpy(request->signer, node->config.secret, sizeof(request->signer));
        memcpy(record->public_key, kad_engine_identity(node->engine), sizeof(record->public_key));
        return true;
    }
    return false;
}

/* -- where they went ---------------------------------------------------------------------------------------------- */

static bool wanted(const struct kad_node *node)
{
    return node->n_formers && node->config.announce_self && !node->config.settings.read_only;
}

static kad_ms ends_at(const struct kad_node *node, const struct kad_former *former)
{
    return former->moved_at + node->config.moved_for_ms;
}

static void done(void *user, const struct kad_event *event)
{
    struct kad_former *former = user;
    struct kad_node *node = former->node;
    char text[KAD_IDENTITY_TEXT], stored[16];

    if (event->kind != KAD_EVENT_DONE)
        return;
    former->asking = false;
    if (event->done.reason == KAD_REASON_CANCELLED)
        return;
    former->said = event->done.n_stored > 0;
    if (!former->said) {
        node->former_at = kad_ms_min(node->former_at, node->now + AGAIN);
        return;
    }
    snprintf(stored, sizeof(stored), "%u", (unsigned)event->done.n_stored);
    kad_tell(node, KAD_LOG_INFO, "announced_move", "from",
             kad_identity_format(former->identity.public_key, text), "stored", stored, NULL);
}

static int put(struct kad_node *node, struct kad_former *former)
{
    const struct kad_bytes key = {former->identity.public_key, KAD_IDENTITY_SIZE};
    uint8_t value[KAD_MOVED_SIZE], sealed[KAD_SECURE_VALUE_MAX];
    struct kad_request request = {.kind = KAD_REQUEST_PUT, .keep = true, .renews = true};
    struct kad_identity self;
    struct kad_secure_name name;
    const struct kad_secure_draft draft = {
        .name = &name,
        .value = {value, sizeof(value)},
        .seed = former->identity.secret,
        .sequence = node->former_sequence,
        .made_at = node->now,
    };
    int error = kad_secure_named("peer", key, NULL, 0, &name);

    kad_identity_from_seed(&self, node->config.secret);
    kad_moved_write(&former->identity, &self, former->moved_at, value);
    kad_identity_wipe(&self);
    if (!error)
        error = kad_secure_make(&draft, sealed, &request.record);
    if (!error)
        error = kad_secure_signer(&name, former->identity.secret, request.signer);
    request.target = request.record.key;
    if (!error)
        error = kad_requests_of_this_run(node, &request, done, former);
    kad_wipe(request.signer, sizeof(request.signer));
    return error;
}

/* Its record ends within the hour. */
static void stop(struct kad_node *node, struct kad_former *former)
{
    const struct kad_bytes key = {former->identity.public_key, KAD_IDENTITY_SIZE};
    struct kad_secure_name name;
    struct kad_id at;

    former->said = false;
    if (kad_secure_named("peer", key, NULL, 0, &name) != KAD_OK)
        return;
    kad_secure_key(&name, &at);
    kad_engine_withdraw(node->engine, &at);
}

void kad_former_begin(struct kad_node *node)
{
    node->former_at = kad_ms_min(wanted(node) ? node->now + SOON : KAD_NEVER, node->rotate_at);
}

kad_ms kad_former_wake_at(const struct kad_node *node)
{
    return node->former_at;
}

void kad_former_tick(struct kad_node *node)
{
    if (node->now < node->former_at)
        return;
    if (node->now >= node->rotate_at) {
        kad_tell(node, KAD_LOG_WARN, "identity_rotation_due", "what", "taken with the next start", NULL);
        node->rotate_at = KAD_NEVER;
    }
    node->former_at = node->rotate_at;
    if (!wanted(node))
        return;
    if (!node->restored || node->n_restoring) {
        node->former_at = node->now + SOON;
        return;
    }
    for (size_t i = 0; i < node->n_formers; i++) {
        struct kad_former *former = &node->formers[i];

        former->node = node;
        if (node->now >= ends_at(node, former)) {
            if (former->said)
                stop(node, former);
            continue;
        }
        node->former_at = kad_ms_min(node->former_at, ends_at(node, former));
        if (former->said || former->asking)
            continue;
        if (put(node, former) < 0)
            node->former_at = kad_ms_min(node->former_at, node->now + AGAIN);
        else
            former->asking = true;
    }
}

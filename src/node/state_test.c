#include "base/test.h"
#include "node/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/endpoint.h"
#include "crypto/crypto.h"
#include "node/data_dir.h"

static struct kad_state full, again;

static void keep(struct kad_state *state, struct kad_request request)
{
    struct kad_kept kept;

    request.keep = true;
    EXPECT_EQ(kad_kept_copy(&kad_allocator_system, &request, &kept), 0);
    EXPECT_EQ(kad_kept_add(&state->kept, &kept), 0);
}

/* Something of everything. */
static void fill(struct kad_state *state)
{
    static const uint8_t v4[4] = {192, 0, 2, 7}, v6[16] = {0x20, 1, 0xd, 0xb8, [15] = 7};
    struct kad_request put = {
        .kind = KAD_REQUEST_PUT,
        .target.bytes[0] = 2,
        .record =
            {
                .type = KAD_RECORD_MUTABLE,
                .value = {(const uint8_t *)"5:value", 7},
                .salt = {(const uint8_t *)"salt", 4},
                .sequence = -5,
                .key.bytes[0] = 2,
                .public_key[31] = 3,
                .signature[63] = 4,
            },
    };

    kad_state_init(state, &kad_allocator_system);
    state->saved_at = 1700000000123;
    memset(state->id.bytes, 0xab, 20);
    state->contacts[0] = (struct kad_contact){.id.bytes[0] = 1, .endpoint = kad_endpoint_v4(v4, 6881)};
    state->contacts[1] = (struct kad_contact){.id.bytes[19] = 9, .endpoint = kad_endpoint_v6(v6, 65535)};
    state->n_contacts = 2;
    keep(state,
         (struct kad_request){.kind = KAD_REQUEST_ANNOUNCE, .target.bytes[0] = 1, .port = 80, .seed = true});
    keep(state, put);
    put.target.bytes[0] = put.record.key.bytes[0] = 5;
    put.record.type = KAD_RECORD_IMMUTABLE;
    put.record.salt.size = 0;
    keep(state, put);
    put.target.bytes[0] = put.record.key.bytes[0] = 6;
    put.keep_until = 1700000000456;
    keep(state, put);
    keep(state, (struct kad_request){
                    .kind = KAD_REQUEST_ANNOUNCE, .target.bytes[0] = 7, .port = 81, .keep_until = INT64_MAX});
}

static size_t encode(const struct kad_state *state, uint8_t **out_bytes)
{
    const size_t size = kad_state_encode(state, NULL, 0);

    *out_bytes = malloc(size);
    EXPECT(*out_bytes != NULL);
    EXPECT_EQ(kad_state_encode(state, *out_bytes, size), size);
    return size;
}

static int decode(const uint8_t *bytes, size_t size)
{
    /* A copy of exactly this size: ASan sees the first byte read behind it. */
    uint8_t *copy = malloc(size ? size : 1);
    int error;

    EXPECT(copy != NULL);
    memcpy(copy, bytes, size);
    kad_state_init(&again, &kad_allocator_system);
    error = kad_state_decode(&again, (struct kad_bytes){copy, size});
    free(copy);
    return error;
}

TEST(what_is_written_reads_back)
{
    uint8_t *bytes, *second;
    size_t size;

    fill(&full);
    size = encode(&full, &bytes);
    EXPECT_EQ(decode(bytes, size), 0);
    EXPECT_EQ(again.saved_at, full.saved_at);
    EXPECT_MEM(&again.id, &full.id, sizeof(full.id));
    EXPECT_EQ(again.n_contacts, 2);
    EXPECT_MEM(again.contacts, full.contacts, 2 * sizeof(*full.contacts));
    EXPECT_EQ(again.kept.n, 5);
    for (size_t i = 0; i < 5; i++) {
        const struct kad_request *a = &full.kept.list[i].request, *b = &again.kept.list[i].request;

        EXPECT_EQ(a->kind, b->kind);
        EXPECT_MEM(&a->target, &b->target, sizeof(a->target));
        EXPECT_EQ(a->port, b->port);
        EXPECT_EQ(a->seed, b->seed);
        EXPECT(b->keep);
        EXPECT_EQ(a->keep_until, b->keep_until);
        EXPECT_EQ(a->record.type, b->record.type);
        EXPECT_EQ(a->record.sequence, b->record.sequence);
        EXPECT_MEM(&a->record.key, &b->record.key, sizeof(a->record.key));
        EXPECT_MEM(a->record.public_key, b->record.public_key, sizeof(a->record.public_key));
        EXPECT_MEM(a->record.signature, b->record.signature, sizeof(a->record.signature));
        EXPECT_EQ(a->record.value.size, b->record.value.size);
        EXPECT_MEM(a->record.value.data, b->record.value.data, a->record.value.size);
        EXPECT_EQ(a->record.salt.size, b->record.salt.size);
        EXPECT_MEM(a->record.salt.data, b->record.salt.data, a->record.salt.size);
    }
    EXPECT_EQ(encode(&again, &second), size);
    EXPECT_MEM(second, bytes, size);
    free(bytes);
    free(second);
    kad_state_clear(&full);
    kad_state_clear(&again);
}

TEST(an_empty_state_and_a_full_one_read_back)
{
    uint8_t *bytes;
    size_t size;

    kad_state_init(&full, &kad_allocator_system);
    size = encode(&full, &bytes);
    EXPECT_EQ(decode(bytes, size), 0);
    EXPECT_EQ(again.n_contacts, 0);
    EXPECT_EQ(again.kept.n, 0);
    free(bytes);
    for (size_t i = 0; i < KAD_STATE_CONTACTS; i++) {
        const uint8_t address[4] = {10, 0, (uint8_t)(i >> 8), (uint8_t)i};

        full.contacts[i].endpoint = kad_endpoint_v4(address, 1);
    }
    full.n_contacts = KAD_STATE_CONTACTS;
    size = encode(&full, &bytes);
    EXPECT_EQ(decode(bytes, size), 0);
    EXPECT_EQ(again.n_contacts, KAD_STATE_CONTACTS);
    free(bytes);
}

/* A crash in the middle of anything: no part of the file is taken for the whole. */
TEST(a_cut_file_is_refused_wherever_it_is_cut)
{
    uint8_t *bytes;
    size_t size;

    fill(&full);
    size = encode(&full, &bytes);
    for (size_t i = 0; i < size; i++) {
        EXPECT_MSG(decode(bytes, i) == KAD_E_CORRUPT, "cut at %zu of %zu", i, size);
        EXPECT_EQ(again.n_contacts, 0);
        EXPECT_EQ(again.kept.n, 0);
    }
    free(bytes);
    kad_state_clear(&full);
}

TEST(a_file_with_any_bit_turned_is_refused)
{
    uint8_t *bytes;
    size_t size;

    fill(&full);
    size = encode(&full, &bytes);
    for (size_t i = 0; i < 8 * size; i++) {
        bytes[i / 8] ^= (uint8_t)(1 << i % 8);
        EXPECT_MSG(decode(bytes, size) == KAD_E_CORRUPT, "bit %zu of %zu", i, 8 * size);
        bytes[i / 8] ^= (uint8_t)(1 << i % 8);
    }
    EXPECT_EQ(decode(bytes, size), 0);
    kad_state_clear(&again);
    free(bytes);
    kad_state_clear(&full);
}

/* Behind the checksum, too, nothing is believed: a file may be made by somebody else's program. */
TEST(a_well_sealed_lie_is_refused_or_harmless)
{
    uint8_t *bytes;
    size_t size, n_refused = 0;

    fill(&full);
    size = encode(&full, &bytes);
    for (size_t i = 16; i < size - 4; i++) {
        const uint8_t before = bytes[i];

        for (unsigned lie = 0; lie < 256; lie += i < 120 ? 1 : 17) {
            uint32_t sum;
            int error;

            bytes[i] = (uint8_t)lie;
            sum = kad_crc32c(bytes, size - 4);
            for (int j = 0; j < 4; j++)
                bytes[size - 4 + (size_t)j] = (uint8_t)(sum >> (24 - 8 * j));
            error = decode(bytes, size);
            EXPECT(error == 0 || error == KAD_E_CORRUPT);
            EXPECT(again.n_contacts <= KAD_STATE_CONTACTS);
            n_refused += error != 0;
            kad_state_clear(&again);
        }
        bytes[i] = before;
    }
    EXPECT(n_refused > 0);
    free(bytes);
    kad_state_clear(&full);
}

/* -- publications ----------------------------------------------------------------------------------------------- */

TEST(a_publication_replaces_its_forerunner)
{
    struct kad_kept_list list;
    struct kad_request put = {.kind = KAD_REQUEST_PUT, .record.value = {(const uint8_t *)"1:a", 3}};
    struct kad_kept kept;

    kad_kept_list_init(&list, &kad_allocator_system, 2);
    for (unsigned i = 0; i < 3; i++) {
        put.target.bytes[0] = (uint8_t)(i % 2);
        EXPECT_EQ(kad_kept_copy(&kad_allocator_system, &put, &kept), 0);
        EXPECT_EQ(kad_kept_add(&list, &kept), 0);
    }
    EXPECT_EQ(list.n, 2);
    put.target.bytes[0] = 7;
    EXPECT_EQ(kad_kept_copy(&kad_allocator_system, &put, &kept), 0);
    EXPECT_EQ(kad_kept_add(&list, &kept), KAD_E_LIMIT);
    EXPECT(!kad_kept_remove(&list, &put.target));
    put.target.bytes[0] = 1;
    EXPECT(kad_kept_remove(&list, &put.target));
    EXPECT_EQ(list.n, 1);
    EXPECT_EQ(list.list[0].request.target.bytes[0], 0);
    kad_kept_list_clear(&list);
}

/* -- files ------------------------------------------------------------------------------------------------------ */

TEST(files_are_replaced_as_a_whole)
{
    char path[] = "/tmp/kad-dir-XXXXXX", why[256], inner[64], command[64];
    struct kad_bytes bytes, text = {(const uint8_t *)"first", 5};
    struct kad_data_dir dir, second;

    EXPECT(mkdtemp(path) != NULL);
    snprintf(inner, sizeof(inner), "%s/made", path);
    EXPECT_EQ(kad_data_dir_open(&dir, inner, why, sizeof(why)), 0);
    EXPECT_EQ(kad_data_dir_open(&second, inner, why, sizeof(why)), KAD_E_EXISTS);
    EXPECT_EQ(kad_data_dir_read(&dir, "file", 100, &kad_allocator_system, &bytes), KAD_E_NOT_FOUND);
    for (int i = 0; i < 2; i++) {
        EXPECT_EQ(kad_data_dir_write(&dir, "file", text), 0);
        EXPECT_EQ(kad_data_dir_read(&dir, "file", 100, &kad_allocator_system, &bytes), 0);
        EXPECT_EQ(bytes.size, text.size);
        EXPECT_MEM(bytes.data, text.data, text.size);
        kad_free(&kad_allocator_system, (void *)(uintptr_t)bytes.data, bytes.size);
        text = (struct kad_bytes){(const uint8_t *)"2nd", 3};
    }
    EXPECT_EQ(kad_data_dir_read(&dir, "file", 2, &kad_allocator_system, &bytes), KAD_E_LIMIT);
    kad_data_dir_set_aside(&dir, "file");
    EXPECT_EQ(kad_data_dir_read(&dir, "file", 100, &kad_allocator_system, &bytes), KAD_E_NOT_FOUND);
    EXPECT_EQ(kad_data_dir_read(&dir, "file.bad", 100, &kad_allocator_system, &bytes), 0);
    kad_free(&kad_allocator_system, (void *)(uintptr_t)bytes.data, bytes.size);
    kad_data_dir_close(&dir);
    EXPECT_EQ(kad_data_dir_open(&second, inner, why, sizeof(why)), 0); /* let go, it can be had */
    kad_data_dir_close(&second);
    snprintf(command, sizeof(command), "rm -r %s", path);
    EXPECT_EQ(system(command), 0);
}

TEST(a_directory_that_is_none_is_refused)
{
    char path[] = "/tmp/kad-file-XXXXXX", why[256];
    const int fd = mkstemp(path);
    struct kad_data_dir dir;

    EXPECT(fd >= 0);
    close(fd);
    EXPECT_EQ(kad_data_dir_open(&dir, path, why, sizeof(why)), KAD_E_SYSTEM);
    EXPECT(strstr(why, "Not a directory"));
    EXPECT_EQ(kad_data_dir_open(&dir, "", why, sizeof(why)), KAD_E_INVALID);
    unlink(path);
}

/* K46, K50: those who were there longest come first, each of another address group; who is gray, or never answered, is no anchor. */
TEST(anchors_come_first)
{
    kad_state_init(&full, &kad_allocator_system);
    full.has_keys = true;
    for (uint8_t i = 0; i < 8; i++) {
        const uint8_t address[4] = {93, (uint8_t)(i / 2), 0, i};

        full.contacts[i] = (struct kad_contact){.id.bytes[0] = i, .endpoint = kad_endpoint_v4(address, 1)};
        full.keys[i][0] = i;
        full.peers[i] = (struct kad_peer_row){
            .contact = full.contacts[i], .score = 80, .first_at = 1000 - i, .heard_at = 2000};
    }
    full.n_contacts = full.n_peers = 8;
    full.peers[7].state = KAD_PEER_GRAY;
    full.peers[6].first_at = 0;
    kad_state_anchors_first(&full);
    EXPECT_EQ(full.contacts[0].id.bytes[0], 5);
    EXPECT_EQ(full.contacts[1].id.bytes[0], 3);
    EXPECT_EQ(full.contacts[2].id.bytes[0], 1);
    for (size_t i = 0; i < 8; i++)
        EXPECT_EQ(full.keys[i][0], full.contacts[i].id.bytes[0]);
    EXPECT_EQ(full.n_contacts, 8);
    kad_state_clear(&full);
}

/* P081: what is remembered of peers comes back as it was written. */
TEST(peers_come_back)
{
    static uint8_t bytes[100000];
    const uint8_t address[4] = {93, 1, 2, 3};
    size_t size;

    kad_state_init(&full, &kad_allocator_system);
    full.has_keys = true;
    full.peers[0] =
        (struct kad_peer_row){.contact = {.id.bytes[0] = 7, .endpoint = kad_endpoint_v4(address, 5)},
                              .first_at = 5,
                              .heard_at = 6,
                              .banned_until = KAD_NEVER,
                              .banned_for = 8,
                              .rtt_ms = -1,
                              .answers = 9,
                              .silences = 10,
                              .refusals = 11,
                              .held = 12,
                              .by_operator = true};
    full.peers[1] = (struct kad_peer_row){
        .is_address = true, .rtt_ms = 4, .contact.endpoint = kad_endpoint_v4(address, 0)};
    full.peers[2] = (struct kad_peer_row){.contact.id.bytes[0] = 9, .rtt_ms = -1};
    full.n_peers = 3;
    size = kad_state_encode(&full, bytes, sizeof(bytes));
    EXPECT(size <= sizeof(bytes));
    kad_state_init(&again, &kad_allocator_system);
    EXPECT_EQ(kad_state_decode(&again, (struct kad_bytes){bytes, size}), 0);
    EXPECT_EQ(again.n_peers, 3);
    EXPECT_EQ(again.peers[0].contact.id.bytes[0], 7);
    EXPECT(kad_endpoint_equal(&again.peers[0].contact.endpoint, &full.peers[0].contact.endpoint));
    EXPECT_EQ(again.peers[0].first_at, 5);
    EXPECT_EQ(again.peers[0].heard_at, 6);
    EXPECT_EQ(again.peers[0].banned_until, KAD_NEVER);
    EXPECT_EQ(again.peers[0].banned_for, 8);
    EXPECT_EQ(again.peers[0].rtt_ms, -1);
    EXPECT_EQ(again.peers[0].answers, 9);
    EXPECT_EQ(again.peers[0].silences, 10);
    EXPECT_EQ(again.peers[0].refusals, 11);
    EXPECT_EQ(again.peers[0].held, 12);
    EXPECT(again.peers[0].by_operator && !again.peers[0].is_address);
    EXPECT(again.peers[1].is_address && !again.peers[1].by_operator);
    EXPECT_EQ(again.peers[2].contact.endpoint.family, KAD_FAMILY_NONE);
    kad_state_clear(&again);
    kad_state_clear(&full);
}

/* I140: those with a date go at it, and only they; what is left says when the next does. */
TEST(what_has_a_date_ends_at_it)
{
    kad_state_init(&full, &kad_allocator_system);
    for (uint8_t i = 1; i <= 4; i++)
        keep(&full, (struct kad_request){.kind = KAD_REQUEST_ANNOUNCE,
                                         .target.bytes[0] = i,
                                         .keep_until = i == 2 ? 0 : i * 1000});
    EXPECT_EQ(full.kept.next_until, 1000);
    EXPECT_EQ(kad_kept_end(&full.kept, 999), 0);
    EXPECT_EQ(kad_kept_end(&full.kept, 3000), 2);
    EXPECT_EQ(full.kept.n, 2);
    EXPECT_EQ(full.kept.list[0].request.target.bytes[0], 2);
    EXPECT_EQ(full.kept.list[1].request.target.bytes[0], 4);
    EXPECT_EQ(full.kept.next_until, 4000);
    EXPECT_EQ(kad_kept_end(&full.kept, 4000), 1);
    EXPECT_EQ(full.kept.next_until, KAD_NEVER);
    kad_state_clear(&full);
}

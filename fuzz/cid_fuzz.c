/* cid_fuzz - any text as a name of content or of a peer, any bytes as a CID: what is written is read again. */
#include <string.h>

#include "base/cid.h"
#include "base/multibase.h"
#include "crypto/peer_id.h"
#include "fuzz/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_content(const char *text)
{
    uint8_t multihash[KAD_MULTIHASH_MAX], again[KAD_MULTIHASH_MAX];
    char written[KAD_CID_TEXT];
    size_t n, n_again;

    if (kad_cid_multihash(text, multihash, &n) < 0)
        return;
    must(kad_multihash_is_valid((struct kad_bytes){multihash, n}), "no multihash");
    must(kad_cid_write(KAD_CID_RAW, (struct kad_bytes){multihash, n}, written, sizeof(written)) == 0,
         "not written");
    must(kad_cid_multihash(written, again, &n_again) == 0 && n == n_again && memcmp(again, multihash, n) == 0,
         "another one is read");
}

static void check_peer(const char *text, size_t size)
{
    uint8_t id[KAD_PEER_ID_MAX], again[KAD_PEER_ID_MAX];
    char written[KAD_PEER_ID_TEXT], cid[128];
    size_t n, n_again;

    if (kad_peer_id_read(text, size, id, &n) < 0)
        return;
    kad_peer_id_write((struct kad_bytes){id, n}, written);
    must(kad_peer_id_read(written, strlen(written), again, &n_again) == 0, "not read again");
    must(n == n_again && memcmp(id, again, n) == 0, "another peer");
    must(kad_peer_id_write_cid((struct kad_bytes){id, n}, cid, sizeof(cid)) == 0, "no CID");
    must(kad_peer_id_read(cid, strlen(cid), again, &n_again) == 0 && n == n_again &&
             memcmp(id, again, n) == 0,
         "another peer by its CID");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[512];
    uint8_t bytes[256], again[256];
    struct kad_bytes multihash;
    size_t n, n_again;

    if (size >= sizeof(text))
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    check_content(text);
    check_peer(text, size);
    if (kad_cid_multihash_of((struct kad_bytes){data, size}, &multihash) == 0)
        must(kad_multihash_is_valid(multihash), "no multihash in a CID");
    if (kad_multibase_read(text, size, bytes, sizeof(bytes), &n) < 0)
        return 0;
    must(kad_multibase_write((enum kad_multibase)text[0], (struct kad_bytes){bytes, n}, text, sizeof(text)) ==
             0,
         "not written");
    must(kad_multibase_read(text, strlen(text), again, sizeof(again), &n_again) == 0 && n == n_again &&
             memcmp(bytes, again, n) == 0,
         "other bytes");
    return 0;
}

/* identify_fuzz - any bytes as what a peer says of itself, and as a signed peer record. */
#include <string.h>

#include "fuzz/must.h"
#include "wire/libp2p/identify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct kad_identify read, again;
    static uint8_t out[1 << 16];
    struct kad_bytes addrs[KAD_IDENTIFY_ADDRS], id;
    uint64_t sequence;
    unsigned n_addrs;
    size_t n;

    memset(&read, 0, sizeof(read));
    memset(&again, 0, sizeof(again));
    if (kad_identify_decode((struct kad_bytes){data, size}, &read) == 0) {
        n = kad_identify_encode(&read, out, sizeof(out));
        if (n) {
            must(kad_identify_decode((struct kad_bytes){out, n}, &again) == 0,
                 "what was written is not read");
            must(again.n_addrs <= read.n_addrs && again.n_protocols <= read.n_protocols, "it says more");
            must(kad_identify_encode(&again, out, sizeof(out)) == n, "two forms");
        }
    }
    if (kad_peer_record_open((struct kad_bytes){data, size}, &id, &sequence, addrs, &n_addrs) == 0)
        must(n_addrs <= KAD_IDENTIFY_ADDRS && id.size > 0, "a record of nobody");
    return 0;
}

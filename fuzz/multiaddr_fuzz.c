/* multiaddr_fuzz - any bytes as a multiaddr, and any text: what is written is read again, and means the same. */
#include <string.h>

#include "base/multiaddr.h"
#include "fuzz/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_bytes(struct kad_bytes bytes)
{
    char text[KAD_MULTIADDR_TEXT];
    uint8_t again[KAD_MULTIADDR_MAX];
    struct kad_multiaddr parts, read;
    size_t n;

    if (kad_multiaddr_parse(bytes, &parts) < 0)
        return;
    must(parts.n_bare <= bytes.size, "more than there is");
    if (kad_multiaddr_write(bytes, text, sizeof(text)) < 0)
        return; /* a name that no text can say */
    if (kad_multiaddr_read(text, again, sizeof(again), &n) < 0)
        return; /* bytes of a peer id or a hash that are none have no text that is read */
    must(kad_multiaddr_parse((struct kad_bytes){again, n}, &read) == 0, "what was read does not parse");
    must(read.host == parts.host && read.transport == parts.transport, "two meanings");
    must(memcmp(&read.endpoint, &parts.endpoint, sizeof(read.endpoint)) == 0, "two endpoints");
}

static void check_text(const uint8_t *data, size_t size)
{
    char text[KAD_MULTIADDR_TEXT], again[KAD_MULTIADDR_TEXT];
    uint8_t bytes[KAD_MULTIADDR_MAX], twice[KAD_MULTIADDR_MAX];
    size_t n, n_twice;

    if (size >= sizeof(text))
        return;
    memcpy(text, data, size);
    text[size] = '\0';
    if (kad_multiaddr_read(text, bytes, sizeof(bytes), &n) < 0 ||
        kad_multiaddr_write((struct kad_bytes){bytes, n}, again, sizeof(again)) < 0)
        return;
    must(kad_multiaddr_read(again, twice, sizeof(twice), &n_twice) == 0, "what was written is not read");
    must(n == n_twice && memcmp(bytes, twice, n) == 0, "two forms");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 0 && data[0] == '/')
        check_text(data, size);
    else
        check_bytes((struct kad_bytes){data, size});
    return 0;
}

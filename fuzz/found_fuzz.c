/* found_fuzz - what the world says about who is there: manifests, DNS answers, BEP 14, answers of routers. The first byte says
 * which. */
#include <stdlib.h>
#include <string.h>

#include "base/types.h"
#include "net/dns_txt.h"
#include "net/local_discovery.h"
#include "net/portmap_wire.h"
#include "node/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Signed by us, so that what is behind the signatures is read, too. */
static void manifest(const char *text, size_t size)
{
    static const uint8_t seed[KAD_ED25519_SEED] = {1};
    struct kad_manifest found;
    char why[128], *out = NULL;

    (void)!kad_manifest_read(text, size, NULL, "mainline", 0, &found, why, sizeof(why));
    if (kad_crypto_init() != KAD_OK || kad_manifest_sign(text, size, seed, &out, why, sizeof(why)) != KAD_OK)
        return;
    /* What is signed is good, for ever; only its end may have come. */
    if (kad_manifest_read(out, strlen(out), NULL, NULL, 0, &found, why, sizeof(why)) != KAD_OK &&
        found.valid_until > 0)
        abort();
    free(out);
}

static void router(const uint8_t *data, size_t size)
{
    const struct kad_pcp_map asked = {.inside_port = 6881};
    struct kad_pcp_map granted;
    uint8_t address[4];
    uint32_t lifetime_s;
    unsigned result;
    uint16_t port;

    (void)!kad_pcp_read(data, size, &asked, &granted, &result);
    (void)!kad_pmp_read_address(data, size, address, &result);
    (void)!kad_pmp_read_map(data, size, 6881, &port, &lifetime_s, &result);
}

static void route(const uint8_t *data, size_t size)
{
    char text[2048];
    uint8_t gateway[4];

    size = size < sizeof(text) - 1 ? size : sizeof(text) - 1;
    memcpy(text, data, size);
    text[size] = '\0';
    kad_route_gateway(text, gateway);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char text[KAD_DNS_TXT_MAX];
    bool has_cookie;
    uint32_t cookie;
    const char *why;
    uint16_t port;

    if (size == 0)
        return 0;
    switch (data[0] % 5) {
    case 0:
        manifest((const char *)data + 1, size - 1);
        break;
    case 1:
        (void)!kad_dns_txt_read(data + 1, size - 1, text, &why);
        break;
    case 2:
        (void)kad_local_read((const char *)data + 1, size - 1, &port, &has_cookie, &cookie);
        break;
    case 3:
        router(data + 1, size - 1);
        break;
    default:
        route(data + 1, size - 1);
    }
    return 0;
}

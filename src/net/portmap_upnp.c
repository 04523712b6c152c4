#include "net/portmap_upnp.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#ifdef KAD_HAVE_UPNP
#include <miniupnpc/miniupnpc.h>
#include <miniupnpc/upnpcommands.h>
#include <miniupnpc/upnperrors.h>

#define DISCOVERY_MS 2000
#define PORT_TRIES   4

/* UPnP's errors that another question answers. */
#define CONFLICT       718 /* the outside port is somebody else's */
#define ONLY_PERMANENT 725

static int fail(int error, char *why, size_t why_size, const char *text)
{
    snprintf(why, why_size, "%s", text);
    return error;
}

static int add(const struct UPNPUrls *urls, const struct IGDdatas *data, const char *own, uint16_t outside,
               uint16_t inside, uint32_t lease_s)
{
    char outside_text[8], inside_text[8], lease_text[16];

    snprintf(outside_text, sizeof(outside_text), "%u", outside);
    snprintf(inside_text, sizeof(inside_text), "%u", inside);
    snprintf(lease_text, sizeof(lease_text), "%u", (unsigned)lease_s);
    return UPNP_AddPortMapping(urls->controlURL, data->first.servicetype, outside_text, inside_text, own,
                               "kad", "UDP", NULL, lease_text);
}

/* The same port outside if that can be; it may be taken there. */
static int add_somewhere(const struct UPNPUrls *urls, const struct IGDdatas *data, const char *own,
                         uint32_t lease_s, struct kad_portmap *map)
{
    uint16_t outside = map->how ? map->outside.port : map->inside_port;
    int code = CONFLICT;

    for (int i = 0; i < PORT_TRIES && code == CONFLICT; i++) {
        code = add(urls, data, own, outside, map->inside_port, lease_s);
        if (code == ONLY_PERMANENT) {
            lease_s = 0;
            code = add(urls, data, own, outside, map->inside_port, 0);
        }
        map->outside.port = outside;
        kad_entropy(&outside, sizeof(outside));
        outside = (uint16_t)(1024 + outside % (UINT16_MAX - 1024));
    }
    map->lease_s = lease_s;
    return code;
}

static int map_on(const struct UPNPUrls *urls, const struct IGDdatas *data, const char *own, uint32_t lease_s,
                  struct kad_portmap *map, char *why, size_t why_size)
{
    const int code = add_somewhere(urls, data, own, lease_s, map);
    const uint16_t port = map->outside.port;
    char address[40] = "";
    uint8_t bytes[4] = {0};

    if (code != UPNPCOMMAND_SUCCESS) {
        snprintf(why, why_size, "the router refuses: error %d %s", code,
                 strupnperror(code) ? strupnperror(code) : "");
        return KAD_E_REFUSED;
    }
    if (strlen(urls->controlURL) >= sizeof(map->control) ||
        strlen(data->first.servicetype) >= sizeof(map->service))
        return fail(KAD_E_REFUSED, why, why_size, "the router's addresses are too long");
    UPNP_GetExternalIPAddress(urls->controlURL, data->first.servicetype, address);
    inet_pton(AF_INET, address, bytes); /* unknown: 0.0.0.0 */
    map->how = KAD_PORTMAP_UPNP;
    map->outside = kad_endpoint_v4(bytes, port);
    strcpy(map->control, urls->controlURL);
    strcpy(map->service, data->first.servicetype);
    return KAD_OK;
}

int kad_upnp_ask(uint32_t lease_s, struct kad_portmap *map, char *out_why, size_t why_size)
{
    struct UPNPDev *devices;
    struct UPNPUrls urls;
    struct IGDdatas data;
    char own[64] = "";
    int found, error;

    devices = upnpDiscover(DISCOVERY_MS, NULL, NULL, UPNP_LOCAL_PORT_ANY, 0, 2, &error);
    if (!devices)
        return fail(KAD_E_TIMEOUT, out_why, why_size, "no answer");
    memset(&urls, 0, sizeof(urls));
    found = UPNP_GetValidIGD(devices, &urls, &data, own, sizeof(own));
    freeUPNPDevlist(devices);
    if (found == 1)
        error = map_on(&urls, &data, own, lease_s, map, out_why, why_size);
    else
        error = fail(KAD_E_TIMEOUT, out_why, why_size,
                     found == 2 ? "the router is not connected" : "no Internet gateway among the devices");
    if (found)
        FreeUPNPUrls(&urls);
    return error;
}

int kad_upnp_drop(struct kad_portmap *map, char *out_why, size_t why_size)
{
    char port[8];
    int code;

    snprintf(port, sizeof(port), "%u", map->outside.port);
    code = UPNP_DeletePortMapping(map->control, map->service, port, "UDP", NULL);
    if (code == UPNPCOMMAND_SUCCESS)
        return KAD_OK;
    snprintf(out_why, why_size, "the router refuses: error %d", code);
    return KAD_E_REFUSED;
}

#else

int kad_upnp_ask(uint32_t lease_s, struct kad_portmap *map, char *out_why, size_t why_size)
{
    (void)lease_s, (void)map;
    snprintf(out_why, why_size, "this kad was built without libminiupnpc");
    return KAD_E_TIMEOUT;
}

int kad_upnp_drop(struct kad_portmap *map, char *out_why, size_t why_size)
{
    return kad_upnp_ask(0, map, out_why, why_size);
}

#endif

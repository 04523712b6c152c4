/*
 * ws_bytes_fuzz - a WebSocket as libp2p has it: any head, any frames, at either end. In pieces or whole they mean the same.
 *
 * data: setting | bytes. Bit 0 of the setting: a client; bit 1: it is open; the rest: the size of pieces.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz/must.h"
#include "node/ws_bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct heard {
    struct kad_ws *ws;
    uint8_t bytes[8192];
    size_t n;
    bool over;
};

static void take(void *context, uint8_t *bytes, size_t n)
{
    struct heard *heard = context;

    for (size_t i = 0; i < n && heard->n < sizeof(heard->bytes); i++)
        heard->bytes[heard->n++] = bytes[i];
    memset(bytes, 0, n); /* ours to spoil */
}

static void say(struct heard *heard, const uint8_t *bytes, size_t n, size_t piece)
{
    for (size_t at = 0; at < n && !heard->over; at += piece) {
        const size_t part = n - at < piece ? n - at : piece;
        uint8_t *copy = malloc(part);

        must(copy != NULL, "memory");
        memcpy(copy, bytes + at, part);
        heard->over = !kad_ws_input(heard->ws, (struct kad_bytes){copy, part});
        free(copy);
    }
}

static void listen_to(struct heard *heard, uint8_t setting, const uint8_t *data, size_t size, size_t piece)
{
    static const char head[] = "GET / HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                               "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    uint8_t out[300];

    memset(heard, 0, sizeof(*heard));
    must(kad_ws_new(&kad_allocator_system, setting & 1 ? "h:1" : NULL, take, heard, &heard->ws) == 0,
         "memory");
    if ((setting & 3) == 2)
        say(heard, (const uint8_t *)head, sizeof(head) - 1, sizeof(head));
    say(heard, data, size, piece);
    while (kad_ws_output(heard->ws, out, sizeof(out)) > 0)
        ;
    if (kad_ws_is_open(heard->ws))
        must(kad_ws_write(heard->ws, (struct kad_bytes){out, sizeof(out)}), "it is open, and takes nothing");
    while (kad_ws_output(heard->ws, out, 7) > 0)
        ;
    kad_ws_free(heard->ws);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct heard whole, parts;
    uint8_t setting;

    if (!size)
        return 0;
    setting = *data++;
    size--;
    listen_to(&whole, setting, data, size, size + 1);
    listen_to(&parts, setting, data, size, 1u + setting / 4);
    /* A close that makes no sense is over as soon as that shows, which is when enough of it is there. */
    must(whole.over || parts.over || whole.n == parts.n, "pieces mean something else");
    must(memcmp(whole.bytes, parts.bytes, whole.n < parts.n ? whole.n : parts.n) == 0, "other bytes");
    return 0;
}

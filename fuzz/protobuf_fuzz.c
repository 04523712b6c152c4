/* protobuf_fuzz - any bytes as a message of libp2p's Kademlia, as a frame of the engine's, as a record of IPNS, and as a public key. */
#include <string.h>

#include "crypto/peer_id.h"
#include "fuzz/must.h"
#include "wire/libp2p/codec.h"
#include "wire/libp2p/message.h"
#include "wire/libp2p/records.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Written again it says the same, but for what is not ours to say. */
static void check_message(struct kad_bytes bytes)
{
    static struct kad_p2p_message message, again;
    static uint8_t out[1 << 17];
    struct kad_proto_writer writer = {.bytes = out, .room = sizeof(out)};
    struct kad_bytes rest, addr, addrs[KAD_P2P_ADDRS];

    if (kad_p2p_decode(bytes, &message) < 0)
        return;
    kad_p2p_put_head(&writer, message.type, message.key);
    if (message.has_record)
        kad_p2p_put_record(&writer, &message.record);
    for (unsigned i = 0; i < message.n_closer; i++) {
        size_t n = 0;

        rest = message.closer[i].body;
        while (n < KAD_P2P_ADDRS && kad_p2p_next_addr(&rest, &addr))
            addrs[n++] = addr;
        kad_p2p_put_peer(&writer, KAD_P2P_CLOSER_FIELD, message.closer[i].id, addrs, n,
                         message.closer[i].connection);
    }
    if (writer.full)
        return;
    must(kad_p2p_decode((struct kad_bytes){out, writer.n}, &again) == 0, "what was written is not read");
    must(again.type == message.type && again.key.size == message.key.size &&
             again.n_closer == message.n_closer && again.has_record == message.has_record,
         "it says something else");
    must(kad_p2p_is_request(&again) || !kad_p2p_is_request(&message) || message.n_providers,
         "no request any more");
}

static void check_frame(struct kad_bytes bytes)
{
    static struct kad_message message;
    static uint8_t out[1 << 17];

    if (kad_libp2p_codec.decode(bytes, KAD_IPV4, &message) != KAD_DECODED)
        return;
    if (message.kind == KAD_QUERY && message.method == KAD_PUT)
        (void)kad_p2p_check_record(&message.record);
    for (unsigned i = 0; i < message.n_records; i++)
        (void)kad_p2p_check_record(&message.records[i]);
    (void)kad_libp2p_codec.encode(&message, out, sizeof(out));
    for (size_t room = 0; room < 40; room++)
        must(kad_libp2p_codec.encode(&message, out, room) <= room, "more than there is room for");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t name[6 + 38] = "/ipns/\x00\x24\x08\x01\x12\x20";
    const struct kad_bytes bytes = {data, size};
    uint8_t id[KAD_PEER_ID_MAX];
    struct kad_ipns ipns;
    char text[25];
    kad_ms time;
    size_t n;

    check_message(bytes);
    check_frame(bytes);
    if (size <= KAD_IPNS_MAX)
        must(kad_ipns_check((struct kad_bytes){name, sizeof(name)}, bytes, &ipns) < 0, "signed by nobody");
    if (kad_ipns_read_time(bytes, &time) == 0) {
        kad_ms again;

        kad_ipns_write_time(time, text);
        must(kad_ipns_read_time((struct kad_bytes){(const uint8_t *)text, 24}, &again) == 0 && again == time,
             "another time");
    }
    if (kad_peer_id_of_key(bytes, id, &n) == 0)
        must(kad_peer_id_is_valid((struct kad_bytes){id, n}), "a key without an id");
    return 0;
}

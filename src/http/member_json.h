/*
 * member_json - a message of kad's own wire (wire/kad/kad.h) as JSON, and back: what members say over a WebSocket
 * (docs/kad-ws.md has each member of each object).
 *
 *     {"messageId": 7, "command": "Kad.findNode", "args": [{"target": {"__type": "Buffer64", "value": "..."}}]}
 *     {"responseId": 7, "command": "Kad.findNode", "data": {"contacts": ["192.0.2.1:4280/id1..."]}}
 *     {"responseId": 7, "command": "Kad.put", "error": {"code": 8, "message": "..."}}
 *
 * Bytes, 64-bit integers and instants are typed as Ulixee's TypeSerializer types them: Buffer64, bigint, DateIso. Nothing is
 * added to a message and nothing left out but one bit: who asks over a WebSocket is never asked back where his end of it is, so
 * its queries say "read only" on the wire, and not in JSON. Members that belong to no message are refused: a name that was
 * mistyped is not passed over in silence.
 */
#ifndef KAD_HTTP_MEMBER_JSON_H
#define KAD_HTTP_MEMBER_JSON_H

#include <jansson.h>

#include "kad/types.h"

#define KAD_MEMBER_MESSAGE_MAX (16 * 1024) /* bytes of a message on the wire */
#define KAD_MEMBER_TEXT_MAX    (64 * 1024) /* and of its JSON */

/* The wire's bytes, or 0 with what is wrong with it. */
size_t kad_member_json_read(const json_t *message, uint8_t *out_wire, size_t room, char *out_why,
                            size_t why_size);
/* Yours; NULL: no message, or no memory. */
json_t *kad_member_json_write(struct kad_bytes wire);
/* That a message could not be read; the one with this number, if it has one. NULL: no memory. */
json_t *kad_member_json_refuse(const json_t *message, const char *why);

/* -- typed values, for the handshake too ---------------------------------------------------------------------------- */

json_t *kad_member_json_bytes(const void *data, size_t size);
/* The bytes of a Buffer64, at most `room`. False: it is none, or has more. */
bool kad_member_json_take_bytes(const json_t *value, uint8_t *out_bytes, size_t room, size_t *out_size);

#endif

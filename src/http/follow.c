#include "http/follow.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "http/json.h"
#include "http/named.h"

/* A get of what `name` names, with the deadline and the trace of what was asked for. */
static void ask_for_record(const struct kad_secure_name *name, struct kad_request *request)
{
    struct kad_request get;

    kad_secure_request(name, 0, &get);
    get.timeout_ms = request->timeout_ms;
    get.trace = request->trace;
    get.fresh = true;
    *request = get;
}

/* A move that both signed and that leads on. */
static bool leads_on(struct kad_follow *follow, const struct kad_event *event,
                     const struct kad_secure_name *name, struct kad_move *out_move)
{
    uint8_t bytes[KAD_SECURE_VALUE_MAX];
    struct kad_secure_opened opened;
    char from[KAD_IDENTITY_TEXT], to[KAD_IDENTITY_TEXT];

    if (event->done.kind != KAD_REQUEST_GET || !event->done.record ||
        kad_secure_open(name, event->done.record, NULL, bytes, &opened) != KAD_OK || !opened.has_owner ||
        kad_moved_read(opened.value, opened.owner, out_move) != KAD_OK ||
        kad_trail_step(&follow->trail, out_move) != KAD_OK)
        return false;
    if (!follow->moves)
        follow->moves = json_array();
    json_array_append_new(follow->moves,
                          json_pack("{s:s, s:s, s:o}", "from", kad_identity_format(out_move->from, from),
                                    "to", kad_identity_format(out_move->to, to), "at",
                                    kad_json_instant(out_move->made_at)));
    return true;
}

/* From a node that is not there to what it says of itself. */
static bool look_for_record(struct kad_follow *follow, const struct kad_event *event,
                            struct kad_request *request, struct kad_api_answer answer)
{
    char text[5 + 2 * KAD_ID_SIZE + 1] = "peer:";

    if (event->done.kind != KAD_REQUEST_FIND || event->done.error == KAD_OK ||
        event->done.reason == KAD_REASON_CANCELLED)
        return false;
    kad_hex(request->target.bytes, sizeof request->target.bytes, text + 5);
    if (kad_secure_parse(text, NULL, 0, &follow->name) != KAD_OK)
        return false;
    ask_for_record(&follow->name, request);
    json_decref(follow->answer.json);
    follow->answer = answer;
    follow->found = true;
    return true;
}

bool kad_follow_on(struct kad_follow *follow, const struct kad_event *event, struct kad_params *params,
                   struct kad_request *request, struct kad_api_answer answer)
{
    const bool record = params->has_name && params->name.class_->type == KAD_CLASS_PEER;
    struct kad_move move;

    if (params->stays || !kad_named_wanted(params))
        return false;
    if (look_for_record(follow, event, request, answer))
        return true;
    if ((!record && !follow->found) ||
        !leads_on(follow, event, follow->found ? &follow->name : &params->name, &move))
        return false;
    json_decref(answer.json);
    if (follow->found) {
        *request = (struct kad_request){.kind = KAD_REQUEST_FIND,
                                        .target = kad_identity_id(move.to),
                                        .timeout_ms = request->timeout_ms,
                                        .trace = request->trace};
        follow->found = false;
        return true;
    }
    memcpy(params->name_text, "peer:", 5);
    kad_identity_format(move.to, params->name_text + 5);
    if (kad_secure_parse(params->name_text, NULL, 0, &params->name) != KAD_OK)
        return false;
    ask_for_record(&params->name, request);
    return true;
}

void kad_follow_end(struct kad_follow *follow, struct kad_api_answer *answer)
{
    if (follow->found) {
        json_decref(answer->json);
        *answer = follow->answer;
        follow->answer.json = NULL;
    }
    if (follow->moves)
        json_object_set(answer->json, "moves", follow->moves);
}

void kad_follow_clear(struct kad_follow *follow)
{
    json_decref(follow->moves);
    json_decref(follow->answer.json);
}

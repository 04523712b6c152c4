/* record - see record.h. */
#include "http/record.h"

#include "http/json.h"

static struct kad_api_answer failed(unsigned status, const char *error, const char *reason)
{
    return (struct kad_api_answer){.status = status, .json = kad_json_error(error, reason)};
}

static json_t *recording_json(const struct kad_recording *recording)
{
    return json_pack("{s:b, s:s, s:I, s:I, s:I, s:I, s:b, s:b}", "running", recording->running, "path",
                     recording->path, "began_ms", (json_int_t)recording->began_at, "bytes",
                     (json_int_t)recording->n_bytes, "datagrams", (json_int_t)recording->n_datagrams,
                     "requests", (json_int_t)recording->n_requests, "full", recording->full, "complete",
                     !recording->lost);
}

static struct kad_api_answer present(const struct kad_api *api)
{
    struct kad_recording recording;

    if (!kad_node_recording(api->node, &recording))
        return failed(404, kad_json_error_text(KAD_E_NOT_FOUND), "nothing was recorded");
    return (struct kad_api_answer){.status = 200, .json = recording_json(&recording)};
}

/* The file has all that everybody said to this node, and its name is the host's business. */
static bool refused(struct kad_api_asker asker, struct kad_params *params, struct kad_api_answer *out_answer)
{
    if (!asker.trusted)
        *out_answer = failed(403, "forbidden", "only for who runs the node");
    else if (!kad_params_finish(params))
        *out_answer = failed(400, "bad request", params->why);
    else
        return false;
    return true;
}

struct kad_api_answer kad_record_look(const struct kad_api *api, struct kad_api_asker asker,
                                      struct kad_params *params)
{
    struct kad_api_answer answer;

    return refused(asker, params, &answer) ? answer : present(api);
}

struct kad_api_answer kad_record_start(const struct kad_api *api, struct kad_api_asker asker,
                                       struct kad_params *params)
{
    struct kad_bytes path = {0};
    struct kad_api_answer answer;
    int64_t duration_ms = 0, max_bytes = 0;
    char why[512];

    if (!kad_params_text(params, "path", &path))
        kad_params_wrong(params, "path", "wanted, and not given");
    else if (path.size == 0 || path.data[0] != '/')
        kad_params_wrong(params, "path", "not an absolute path");
    kad_params_number(params, "duration_ms", 1, 24 * KAD_HOUR, &duration_ms);
    kad_params_number(params, "max_bytes", 65536, (int64_t)1 << 40, &max_bytes);
    if (refused(asker, params, &answer))
        return answer;
    switch (kad_node_record(api->node, (const char *)path.data, (uint64_t)max_bytes, duration_ms, why,
                            sizeof(why))) {
    case KAD_OK:
        return present(api);
    case KAD_E_EXISTS:
        return failed(409, kad_json_error_text(KAD_E_EXISTS), why);
    case KAD_E_CLOSED:
        return failed(503, kad_json_error_text(KAD_E_CLOSED), why);
    case KAD_E_INVALID:
    case KAD_E_SYSTEM:
        return failed(400, "cannot record", why);
    default:
        return failed(500, "cannot record", why);
    }
}

struct kad_api_answer kad_record_stop(const struct kad_api *api, struct kad_api_asker asker,
                                      struct kad_params *params)
{
    struct kad_api_answer answer;

    if (refused(asker, params, &answer))
        return answer;
    if (!kad_node_record_stop(api->node))
        return failed(404, kad_json_error_text(KAD_E_NOT_FOUND), "nothing is being recorded");
    return present(api);
}

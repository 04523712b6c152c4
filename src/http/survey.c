/* survey - see survey.h. */
#include "http/survey.h"

#include <string.h>

#include "http/json.h"
#include "node/look.h"

void kad_survey_add_record(struct kad_survey_result *result, const struct kad_record *record)
{
    const unsigned kind = record->type == KAD_RECORD_MUTABLE;
    unsigned at = result->n_newest;

    result->n_values[kind]++;
    result->bytes[kind] += record->value.size + record->salt.size;
    while (at > 0 && result->newest[at - 1].expires_at < record->expires_at)
        at--;
    if (at == KAD_SURVEY_TOP)
        return;
    result->n_newest += result->n_newest < KAD_SURVEY_TOP;
    memmove(&result->newest[at + 1], &result->newest[at],
            (result->n_newest - 1 - at) * sizeof result->newest[0]);
    result->newest[at] = (struct kad_survey_value){
        .key = record->key,
        .type = record->type,
        .size = (uint32_t)record->value.size,
        .sequence = record->sequence,
        .expires_at = record->expires_at,
    };
}

void kad_survey_add_key(struct kad_survey_result *result, const struct kad_id *key, uint32_t n_peers)
{
    unsigned at = result->n_largest;

    result->n_keys++;
    result->n_peers += n_peers;
    while (at > 0 && result->largest[at - 1].n_peers < n_peers)
        at--;
    if (at == KAD_SURVEY_TOP)
        return;
    result->n_largest += result->n_largest < KAD_SURVEY_TOP;
    memmove(&result->largest[at + 1], &result->largest[at],
            (result->n_largest - 1 - at) * sizeof result->largest[0]);
    result->largest[at] = (struct kad_survey_key){*key, n_peers};
}

static void on_record(void *context, const struct kad_record *record)
{
    kad_survey_add_record(context, record);
}

static void on_key(void *context, const struct kad_id *key, uint32_t n_peers)
{
    kad_survey_add_key(context, key, n_peers);
}

static void step(struct kad_survey *survey, struct kad_node *node)
{
    const struct kad_store_viewer viewer = {on_record, on_key, &survey->running};

    if (survey->next == 0)
        memset(&survey->running, 0, sizeof survey->running);
    survey->next = kad_node_look(node, survey->next, KAD_SURVEY_STEP, &viewer);
    if (survey->next != 0)
        return;
    survey->running.at = kad_node_now(node);
    survey->done = survey->running;
}

void kad_survey_step(struct kad_survey *survey, struct kad_node *node)
{
    if (survey->begun && kad_node_now(node) - survey->asked_at < KAD_SURVEY_WANTED && survey->next != 0)
        step(survey, node);
}

static json_t *newest(const struct kad_survey_result *result)
{
    json_t *list = json_array();

    for (unsigned i = 0; i < result->n_newest; i++) {
        const struct kad_survey_value *value = &result->newest[i];
        const bool is_mutable = value->type == KAD_RECORD_MUTABLE;

        json_array_append_new(list, json_pack("{s:o, s:b, s:I, s:o, s:o}", "key", kad_json_id(&value->key),
                                              "mutable", is_mutable ? 1 : 0, "bytes", (json_int_t)value->size,
                                              "seq", is_mutable ? json_integer(value->sequence) : json_null(),
                                              "expires_at", kad_json_instant(value->expires_at)));
    }
    return list;
}

static json_t *largest(const struct kad_survey_result *result)
{
    json_t *list = json_array();

    for (unsigned i = 0; i < result->n_largest; i++)
        json_array_append_new(list, json_pack("{s:o, s:I}", "key", kad_json_id(&result->largest[i].key),
                                              "peers", (json_int_t)result->largest[i].n_peers));
    return list;
}

json_t *kad_survey_json(struct kad_survey *survey, struct kad_node *node)
{
    const struct kad_survey_result *result;

    survey->begun = true;
    survey->asked_at = kad_node_now(node);
    if (survey->next == 0)
        step(survey, node);
    result = survey->done.at ? &survey->done : &survey->running;
    return json_pack("{s:o, s:b, s:{s:I, s:I}, s:{s:I, s:I}, s:I, s:I, s:o, s:o}", "surveyed_at",
                     result->at ? kad_json_instant(result->at) : json_null(), "complete", result->at ? 1 : 0,
                     "immutable", "count", (json_int_t)result->n_values[0], "bytes",
                     (json_int_t)result->bytes[0], "mutable", "count", (json_int_t)result->n_values[1],
                     "bytes", (json_int_t)result->bytes[1], "announced_keys", (json_int_t)result->n_keys,
                     "announced_peers", (json_int_t)result->n_peers, "newest_values", newest(result),
                     "largest_keys", largest(result));
}

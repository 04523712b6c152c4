/*
 * http_fuzz - what the HTTP face and its client read: an answer, the forms of a key, the heads that the guard judges.
 *
 * The first byte chooses. Whatever comes in pieces means the same as when it comes whole.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/http_client.h"
#include "http/guard.h"
#include "http/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* Exactly as long as it is: a read past the end is seen. */
static void *copy(const void *data, size_t size)
{
    void *bytes = malloc(size ? size : 1);

    require(bytes != NULL);
    if (size)
        memcpy(bytes, data, size);
    return bytes;
}

static int parse(const uint8_t *data, size_t size, bool ended, struct kad_http_reply *out_reply)
{
    uint8_t *bytes = copy(data, size);
    const int error = kad_http_reply_parse((struct kad_bytes){bytes, size}, ended, out_reply);

    if (error == KAD_OK) {
        require(out_reply->status <= 999);
        require(out_reply->body.data >= bytes && out_reply->body.data + out_reply->body.size <= bytes + size);
        out_reply->body.data = data + (out_reply->body.data - bytes);
    }
    require(error == KAD_OK || error == KAD_E_INVALID || (error == KAD_E_SPACE && !ended));
    free(bytes);
    return error;
}

static void check_reply(const uint8_t *data, size_t size)
{
    struct kad_http_reply whole, part;
    const int error = parse(data, size, false, &whole);

    for (size_t n = 0; n < size; n += 1 + size / 64) {
        const int early = parse(data, n, false, &part);

        require(early != KAD_E_INVALID || error == KAD_E_INVALID); /* more bytes heal nothing */
        if (early == KAD_OK)
            require(error == KAD_OK && part.status == whole.status && part.body.data == whole.body.data &&
                    part.body.size == whole.body.size);
    }
    if (error == KAD_OK)
        require(parse(data, size, true, &part) == KAD_OK && part.body.size == whole.body.size);
}

static void check_target(const char *text)
{
    struct kad_target target, again;
    char room[KAD_ID_TEXT];
    struct kad_id id;

    if (kad_target_parse(text, &target) != KAD_OK)
        return;
    require(target.salt_size <= sizeof target.salt);
    id = kad_target_id(&target, (struct kad_bytes){0});
    require(kad_target_parse(kad_id_format(&id, room), &again) == KAD_OK);
    require(!again.is_public && memcmp(&again.id, &id, sizeof id) == 0);
}

/* Six lines: method, path, Host, Origin, Content-Type, Authorization. Nothing but the token opens a public face, and no
 * name but our own a local one. */
static void check_guard(char *text)
{
    static const struct kad_guard local = {.check_host = true, .names = "box.lan"};
    static const struct kad_guard strangers = {.is_public = true, .token = "sesame"};
    const char *lines[6] = {"GET", "/api/node", NULL, NULL, NULL, NULL};
    struct kad_guard_request request;
    struct kad_guard_verdict verdict;

    for (size_t i = 0; i < 6 && text; i++)
        lines[i] = strsep(&text, "\n");
    request = (struct kad_guard_request){.method = lines[0],
                                         .path = lines[1],
                                         .host = lines[2],
                                         .origin = lines[3],
                                         .content_type = lines[4],
                                         .authorization = lines[5]};
    verdict = kad_guard_check(&local, &request);
    require(verdict.status != 0 || !lines[2] || kad_guard_is_own(lines[2], "box.lan"));
    require(verdict.status == 0 || (verdict.error && verdict.reason));
    verdict = kad_guard_check(&strangers, &request);
    if (verdict.status == 0 && verdict.trusted)
        require(lines[5] && strstr(lines[5], "sesame"));
    if (verdict.status == 0 && !verdict.trusted)
        require(strcmp(lines[0], "GET") == 0 || strcmp(lines[0], "HEAD") == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text;

    if (size == 0)
        return 0;
    if (data[0] % 3 == 0) {
        check_reply(data + 1, size - 1);
        return 0;
    }
    text = copy(data, size); /* the choice gives way to the zero at the end */
    memmove(text, text + 1, size - 1);
    text[size - 1] = '\0';
    if (data[0] % 3 == 1)
        check_target(text);
    else
        check_guard(text);
    free(text);
    return 0;
}

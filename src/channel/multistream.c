#include "channel/multistream.h"

#include <assert.h>
#include <string.h>

#include "base/varint.h"

static const char header[] = "/multistream/1.0.0";
static const char not_available[] = "na";

static size_t say(const char *text, uint8_t *out)
{
    const size_t n = strlen(text);
    const unsigned head = kad_varint_write(n + 1, out);

    assert(n <= KAD_PROTOCOL_MAX && "our own names are short");
    memcpy(out + head, text, n);
    out[head + n] = '\n';
    return head + n + 1;
}

/* Bytes of the token that `came` begins with, its text in *out_text; 0: not all there; negative: none. */
static int take_token(struct kad_bytes came, struct kad_bytes *out_text)
{
    uint64_t size = 0;
    const int head = kad_varint_read(came, &size);

    if (head < 0 || (head > 0 && (size == 0 || size > KAD_MULTISTREAM_TOKEN)))
        return KAD_E_INVALID;
    if (head == 0 || came.size - (size_t)head < size)
        return came.size >= KAD_VARINT_MAX && head == 0 ? KAD_E_INVALID : 0;
    if (came.data[(size_t)head + size - 1] != '\n')
        return KAD_E_INVALID;
    *out_text = (struct kad_bytes){came.data + head, (size_t)size - 1};
    return head + (int)size;
}

static bool says(struct kad_bytes text, const char *word)
{
    return text.size == strlen(word) && memcmp(text.data, word, text.size) == 0;
}

size_t kad_multistream_begin(struct kad_multistream *stream, const char *protocol,
                             uint8_t out_said[KAD_MULTISTREAM_ROOM])
{
    size_t n;

    *stream = (struct kad_multistream){.initiator = true};
    n = say(header, out_said);
    return n + say(protocol, out_said + n);
}

void kad_multistream_listen(struct kad_multistream *stream)
{
    *stream = (struct kad_multistream){.initiator = false};
}

static struct kad_multistream_step respond(struct kad_multistream *stream, struct kad_bytes text,
                                           const char *const *protocols, unsigned n_protocols,
                                           uint8_t *out_said)
{
    struct kad_multistream_step step = {.verdict = KAD_MULTISTREAM_MORE};

    for (unsigned i = 0; i < n_protocols; i++) {
        if (!protocols[i] || !says(text, protocols[i]))
            continue;
        step.verdict = KAD_MULTISTREAM_AGREED;
        step.protocol = i;
        step.n_said = say(protocols[i], out_said);
        return step;
    }
    if (++stream->tries == KAD_MULTISTREAM_TRIES)
        step.verdict = KAD_MULTISTREAM_BROKEN;
    else
        step.n_said = say(not_available, out_said);
    return step;
}

struct kad_multistream_step kad_multistream_step(struct kad_multistream *stream, struct kad_bytes came,
                                                 const char *const *protocols, unsigned n_protocols,
                                                 uint8_t out_said[KAD_MULTISTREAM_ROOM])
{
    struct kad_multistream_step step = {.verdict = KAD_MULTISTREAM_MORE};
    struct kad_bytes text;
    const int n = take_token(came, &text);

    if (n <= 0) {
        step.verdict = n < 0 ? KAD_MULTISTREAM_BROKEN : KAD_MULTISTREAM_MORE;
        return step;
    }
    if (!stream->greeted) {
        stream->greeted = true;
        if (!says(text, header))
            step.verdict = KAD_MULTISTREAM_BROKEN;
        else if (!stream->initiator)
            step.n_said = say(header, out_said);
    } else if (!stream->initiator) {
        step = respond(stream, text, protocols, n_protocols, out_said);
    } else if (says(text, protocols[0])) {
        step.verdict = KAD_MULTISTREAM_AGREED;
    } else {
        step.verdict = says(text, not_available) ? KAD_MULTISTREAM_REFUSED : KAD_MULTISTREAM_BROKEN;
    }
    step.n_read = (size_t)n;
    return step;
}

#include "channel/link_parts.h"

#include <string.h>

#define SWEEP_MS 1000 /* streams are looked through for idle ones no more often */
#define END_MS   250  /* an end waits so long for the other side to have read what agrees to the protocol */

/* -- time ------------------------------------------------------------------------------------------------------- */

void kad_link_put_off_sweep(struct kad_link *link, kad_ms now)
{
    if (link->phase == KAD_LINK_PHASE_UP && link->yamux.n_in + link->yamux.n_out == 0)
        link->sweep_at = now + link->config.idle_ms;
}

void kad_link_reset_idle(struct kad_link *link, kad_ms now)
{
    kad_ms next = now + link->config.idle_ms;

    for (uint32_t i = 0; i < link->yamux.n_slots; i++) {
        struct kad_yamux_stream *stream = link->yamux.streams[i];

        if (!stream || (stream->news & KAD_YAMUX_RESET))
            continue;
        if (stream->holds && stream->negotiated)
            continue;
        if (now - stream->used_at >= link->config.idle_ms)
            kad_yamux_expire(&link->yamux, stream);
        else if (stream->used_at + link->config.idle_ms < next)
            next = stream->used_at + link->config.idle_ms;
    }
    link->sweep_at = next > now + SWEEP_MS ? next : now + SWEEP_MS;
}

/* js-libp2p loses what came in one piece with the end of a stream and the words that agree to its protocol. So the end of ours waits
 * for their consent, and of theirs, until they end it or END_MS are over. */
static bool must_wait(const struct kad_yamux_stream *stream)
{
    return stream->remote ? !stream->fin_heard : !stream->negotiated;
}

static void say_end(struct kad_link *link, struct kad_yamux_stream *stream)
{
    stream->end_waits = false;
    (void)kad_yamux_write(&link->yamux, stream, (struct kad_bytes){0}, true);
}

void kad_link_say_ends(struct kad_link *link, kad_ms now)
{
    link->end_at = KAD_NEVER;
    for (uint32_t i = 0; i < link->yamux.n_slots; i++) {
        struct kad_yamux_stream *stream = link->yamux.streams[i];

        if (!stream || !stream->end_waits || (stream->news & KAD_YAMUX_RESET))
            continue;
        if (now >= stream->end_at)
            say_end(link, stream);
        else if (stream->end_at < link->end_at)
            link->end_at = stream->end_at;
    }
}

/* -- events ----------------------------------------------------------------------------------------------------- */

/* Goes on with a stream's negotiation. False: it is not over, and nothing is told. */
static bool negotiate(struct kad_link *link, struct kad_yamux_stream *stream,
                      struct kad_link_event *out_event)
{
    const char *const *protocols = stream->remote ? link->config.protocols : &stream->proposed;
    const unsigned n_protocols = stream->remote ? link->config.n_protocols : 1;
    uint8_t said[KAD_MULTISTREAM_ROOM];
    struct kad_multistream_step step;

    do {
        step = kad_multistream_step(&stream->negotiation, kad_buffer_bytes(&stream->in), protocols,
                                    n_protocols, said);
        if (step.n_read)
            kad_yamux_read(&link->yamux, stream, step.n_read);
        if (step.n_said && !kad_yamux_hold(&link->yamux, stream, (struct kad_bytes){said, step.n_said}))
            step.verdict = KAD_MULTISTREAM_BROKEN;
    } while (step.verdict == KAD_MULTISTREAM_MORE && step.n_read);
    if (step.verdict == KAD_MULTISTREAM_MORE && !stream->fin_heard)
        return false;
    if (step.verdict != KAD_MULTISTREAM_AGREED) {
        const bool ours = !stream->remote;

        *out_event = (struct kad_link_event){
            .kind = step.verdict == KAD_MULTISTREAM_REFUSED ? KAD_LINK_REFUSED : KAD_LINK_RESET,
            .stream = stream->id,
            .context = stream->context,
        };
        kad_yamux_reset(&link->yamux, stream);
        return ours;
    }
    stream->negotiated = true;
    stream->protocol = (uint8_t)step.protocol;
    if (stream->end_waits)
        say_end(link, stream);
    if (kad_buffer_size(&stream->in))
        kad_yamux_tell(&link->yamux, stream, KAD_YAMUX_DATA);
    if (stream->fin_heard)
        kad_yamux_tell(&link->yamux, stream, KAD_YAMUX_ENDED);
    *out_event =
        (struct kad_link_event){.kind = KAD_LINK_STREAM, .stream = stream->id, .protocol = step.protocol};
    return stream->remote;
}

/* One piece of news of a stream, as an event. False: nothing to tell. */
static bool tell_news(struct kad_link *link, struct kad_yamux_stream *stream,
                      struct kad_link_event *out_event)
{
    static const struct {
        enum kad_yamux_news news;
        enum kad_link_event_kind kind;
    } kinds[] = {{KAD_YAMUX_DATA, KAD_LINK_DATA},
                 {KAD_YAMUX_ENDED, KAD_LINK_ENDED},
                 {KAD_YAMUX_WRITABLE, KAD_LINK_SENT}};
    const uint8_t news = stream->news;

    *out_event = (struct kad_link_event){
        .stream = stream->id, .protocol = stream->protocol, .context = stream->context};
    if (news & KAD_YAMUX_RESET) {
        const bool known = stream->negotiated || !stream->remote;

        out_event->kind = KAD_LINK_RESET;
        (void)kad_yamux_settle(&link->yamux, stream);
        return known;
    }
    stream->news &= (uint8_t)~KAD_YAMUX_OPENED;
    if (stream->end_waits && !must_wait(stream))
        say_end(link, stream);
    if (!stream->negotiated) {
        stream->news &= KAD_YAMUX_WRITABLE;
        return negotiate(link, stream, out_event);
    }
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (!(news & kinds[i].news))
            continue;
        stream->news &= (uint8_t)~kinds[i].news;
        if (stream->news)
            kad_yamux_tell(&link->yamux, stream, (enum kad_yamux_news)0);
        out_event->kind = kinds[i].kind;
        if (!stream->news)
            (void)kad_yamux_settle(&link->yamux, stream);
        return true;
    }
    (void)kad_yamux_settle(&link->yamux, stream);
    return false;
}

bool kad_link_next_event(struct kad_link *link, struct kad_link_event *out_event)
{
    struct kad_yamux_stream *stream;

    if (link->tell_up) {
        link->tell_up = false;
        *out_event = (struct kad_link_event){.kind = KAD_LINK_UP};
        return true;
    }
    while (link->phase == KAD_LINK_PHASE_UP && (stream = kad_yamux_next(&link->yamux))) {
        if (stream->news & KAD_YAMUX_OPENED) {
            kad_multistream_listen(&stream->negotiation);
            stream->used_at = link->heard_at;
        }
        if (stream->news & (KAD_YAMUX_DATA | KAD_YAMUX_ENDED))
            stream->used_at = link->heard_at;
        if (tell_news(link, stream, out_event))
            return true;
    }
    if (link->phase == KAD_LINK_PHASE_UP && link->yamux.gone && link->yamux.n_in + link->yamux.n_out == 0)
        kad_link_fail(link, KAD_LINK_LEFT);
    if (!link->tell_down)
        return false;
    link->tell_down = false;
    *out_event = (struct kad_link_event){.kind = KAD_LINK_DOWN, .end = link->end};
    return true;
}

/* -- streams ---------------------------------------------------------------------------------------------------- */

bool kad_link_is_up(const struct kad_link *link)
{
    return link->phase == KAD_LINK_PHASE_UP;
}

struct kad_bytes kad_link_peer(const struct kad_link *link)
{
    return (struct kad_bytes){link->peer, link->n_peer};
}

struct kad_bytes kad_link_peer_key(const struct kad_link *link)
{
    return (struct kad_bytes){link->peer_key, link->n_peer_key};
}

int32_t kad_link_rtt_ms(const struct kad_link *link)
{
    return link->rtt_ms;
}

size_t kad_link_kept(const struct kad_link *link)
{
    return link->yamux.unsent;
}

unsigned kad_link_n_streams(const struct kad_link *link)
{
    return link->yamux.n_in + link->yamux.n_out;
}

/* NULL: there is none, or it was reset and the news is not taken yet. */
static struct kad_yamux_stream *find(const struct kad_link *link, uint32_t stream)
{
    struct kad_yamux_stream *found =
        link->phase == KAD_LINK_PHASE_UP && stream ? kad_yamux_find(&link->yamux, stream) : NULL;

    return found && !(found->news & KAD_YAMUX_RESET) ? found : NULL;
}

void kad_link_speak(struct kad_link *link, unsigned n_protocols)
{
    link->config.n_protocols = n_protocols;
}

uint32_t kad_link_open(struct kad_link *link, const char *protocol, void *context, kad_ms now)
{
    uint8_t said[KAD_MULTISTREAM_ROOM];
    struct kad_yamux_stream *stream;
    size_t n;

    if (link->phase != KAD_LINK_PHASE_UP)
        return 0;
    kad_link_put_off_sweep(link, now);
    stream = kad_yamux_open(&link->yamux);
    if (!stream)
        return 0;
    stream->proposed = protocol;
    stream->context = context;
    stream->used_at = now;
    n = kad_multistream_begin(&stream->negotiation, protocol, said);
    if (!kad_yamux_hold(&link->yamux, stream, (struct kad_bytes){said, n})) {
        kad_yamux_reset(&link->yamux, stream);
        return 0;
    }
    return stream->id;
}

void kad_link_set_context(struct kad_link *link, uint32_t stream, void *context)
{
    struct kad_yamux_stream *found = find(link, stream);

    if (found)
        found->context = context;
}

void kad_link_hold(struct kad_link *link, uint32_t stream)
{
    struct kad_yamux_stream *found = find(link, stream);

    if (found)
        found->holds = true;
}

size_t kad_link_room(const struct kad_link *link, uint32_t stream)
{
    const struct kad_yamux_stream *found = find(link, stream);
    const size_t kept = found ? kad_buffer_size(&found->unsent) : 0;
    const size_t waiting = kad_pipe_waiting(&link->pipe), most = link->pipe.most / 2;

    if (!found || found->fin_due || found->end_waits || waiting >= most || found->send_window <= kept)
        return 0;
    return found->send_window - kept < most - waiting ? found->send_window - kept : most - waiting;
}

struct kad_bytes kad_link_unread(const struct kad_link *link, uint32_t stream)
{
    const struct kad_yamux_stream *found = find(link, stream);

    return found && found->negotiated ? kad_buffer_bytes(&found->in) : (struct kad_bytes){0};
}

void kad_link_read(struct kad_link *link, uint32_t stream, size_t n)
{
    struct kad_yamux_stream *found = find(link, stream);

    if (!found)
        return;
    kad_yamux_read(&link->yamux, found, n);
    if (!found->in_news)
        (void)kad_yamux_settle(&link->yamux, found);
}

bool kad_link_write(struct kad_link *link, uint32_t stream, struct kad_bytes bytes, bool last, kad_ms now)
{
    struct kad_yamux_stream *found = find(link, stream);
    bool waits;

    if (!found || found->fin_due || found->end_waits)
        return false;
    waits = last && must_wait(found);
    if (!kad_yamux_write(&link->yamux, found, bytes, last && !waits))
        return false;
    found->used_at = now;
    if (waits) {
        found->end_waits = true;
        found->end_at = found->remote ? now + END_MS : KAD_NEVER;
        if (found->end_at < link->end_at)
            link->end_at = found->end_at;
    }
    if (!found->in_news && !found->in_dirty)
        (void)kad_yamux_settle(&link->yamux, found);
    return true;
}

void kad_link_reset(struct kad_link *link, uint32_t stream)
{
    struct kad_yamux_stream *found = find(link, stream);

    if (found)
        kad_yamux_reset(&link->yamux, found);
}

bool kad_link_has_agreed(const struct kad_link *link, uint32_t stream)
{
    const struct kad_yamux_stream *found = find(link, stream);

    return found && found->negotiated;
}

bool kad_link_has_ended(const struct kad_link *link, uint32_t stream)
{
    const struct kad_yamux_stream *found = find(link, stream);

    return found && found->fin_heard && !kad_buffer_size(&found->in);
}

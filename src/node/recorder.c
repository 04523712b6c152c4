/*
 * recorder - the flight recorder's file: blocks of a journal (engine/journal.h) on their way to the disk.
 *
 * Blocks are copied into a queue; a worker writes what is there, then what has come meanwhile. The loop never waits. When the
 * disk is slower than the network, or the file has reached its ceiling, a block is refused: the journal ends there,
 * with a mark, and the node goes on as if nothing were.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/journal.h"
#include "node/parts.h"

#define QUEUE_MAX   (16u << 20)
#define MAX_DEFAULT (UINT64_C(256) << 20)

struct chunk {
    struct chunk *next;
    size_t size;
    uint8_t bytes[];
};

struct kad_recorder {
    struct kad_node *node;
    struct kad_journal *journal; /* NULL: it has not begun, or has ended */
    struct chunk *queued, **last;
    size_t n_queued; /* bytes */
    struct chunk *writing;
    struct kad_job job;
    uint64_t max_bytes;
    int fd;
    bool begun, stop, closing, failed;
    /* The worker's, who must not see what the loop decides while it writes: */
    bool ends; /* nothing will come after this */
    bool mark; /* say at the end that something is missing */
    kad_ms duration_ms, until;
};

/* -- the worker's ------------------------------------------------------------------------------------------------ */

static int write_all(int fd, const uint8_t *bytes, size_t size)
{
    while (size) {
        const ssize_t n = write(fd, bytes, size);

        if (n < 0 && errno != EINTR)
            return KAD_E_SYSTEM;
        if (n > 0) {
            bytes += n;
            size -= (size_t)n;
        }
    }
    return KAD_OK;
}

static void write_out(struct kad_recorder *recorder, bool close_it)
{
    struct kad_job *job = &recorder->job;

    job->error = KAD_OK;
    for (const struct chunk *chunk = recorder->writing; chunk && !job->error; chunk = chunk->next)
        job->error = write_all(recorder->fd, chunk->bytes, chunk->size);
    if (close_it && !job->error && recorder->mark)
        job->error = write_all(recorder->fd, kad_journal_lost_mark, KAD_JOURNAL_BLOCK_HEAD);
    if (close_it && !job->error && fsync(recorder->fd) < 0 && errno != EINVAL && errno != ENOTSUP)
        job->error = KAD_E_SYSTEM; /* a pipe cannot be synced, and need not be */
    job->reason = errno;
    if (close_it) {
        close(recorder->fd);
        recorder->fd = -1;
    }
}

static void work(uv_work_t *work)
{
    struct kad_job *job = work->data;

    write_out(job->node->recorder, job->node->recorder->ends);
}

/* -- the loop's -------------------------------------------------------------------------------------------------- */

static void free_chunks(struct chunk **list)
{
    while (*list) {
        struct chunk *next = (*list)->next;

        free(*list);
        *list = next;
    }
}

static bool enqueue(void *context, struct kad_bytes block)
{
    struct kad_recorder *recorder = context;
    struct kad_recording *told = &recorder->node->recorded;
    struct chunk *chunk;

    if (told->n_bytes + block.size + KAD_JOURNAL_BLOCK_HEAD > recorder->max_bytes) {
        told->full = true;
        return false;
    }
    if (recorder->failed || recorder->n_queued + block.size > QUEUE_MAX)
        return false;
    chunk = malloc(sizeof(*chunk) + block.size);
    if (!chunk)
        return false;
    chunk->next = NULL;
    chunk->size = block.size;
    memcpy(chunk->bytes, block.data, block.size);
    *recorder->last = chunk;
    recorder->last = &chunk->next;
    recorder->n_queued += block.size;
    told->n_bytes += block.size;
    return true;
}

static void take_queue(struct kad_recorder *recorder)
{
    recorder->writing = recorder->queued;
    recorder->queued = NULL;
    recorder->last = &recorder->queued;
    recorder->n_queued = 0;
}

static void drop(struct kad_node *node)
{
    struct kad_recorder *recorder = node->recorder;

    node->recorder = NULL;
    node->recorded.running = false;
    free_chunks(&recorder->queued);
    free_chunks(&recorder->writing);
    if (recorder->fd >= 0)
        close(recorder->fd);
    free(recorder);
}

static void tell_end(const struct kad_node *node)
{
    const struct kad_recording *told = &node->recorded;
    char n_bytes[24], n_datagrams[24];

    snprintf(n_bytes, sizeof(n_bytes), "%llu", (unsigned long long)told->n_bytes);
    snprintf(n_datagrams, sizeof(n_datagrams), "%llu", (unsigned long long)told->n_datagrams);
    kad_tell(node, told->lost ? KAD_LOG_WARN : KAD_LOG_INFO, "record_ended", "file", told->path, "bytes",
             n_bytes, "datagrams", n_datagrams, "complete", told->lost ? "no" : "yes", "why",
             told->full   ? "the file has reached its ceiling"
             : told->lost ? "the disk did not take it as fast as it came"
                          : "asked to",
             NULL);
}

static void begin_writing(struct kad_recorder *recorder);

static void done(uv_work_t *work, int status)
{
    struct kad_job *job = work->data;
    struct kad_node *node = job->node;
    struct kad_recorder *recorder = node->recorder;

    (void)status;
    job->running = false;
    free_chunks(&recorder->writing);
    if (job->error && !recorder->failed) {
        recorder->failed = node->recorded.lost = true;
        kad_tell(node, KAD_LOG_ERROR, "record_failed", "file", node->recorded.path, "why",
                 strerror(job->reason), NULL);
    }
    if (recorder->fd < 0) {
        tell_end(node);
        drop(node);
    } else {
        begin_writing(recorder);
    }
    kad_node_ended(node);
}

static void begin_writing(struct kad_recorder *recorder)
{
    struct kad_node *node = recorder->node;

    if (recorder->job.running || (!recorder->queued && !recorder->closing))
        return;
    take_queue(recorder);
    recorder->ends = recorder->closing;
    recorder->mark = node->recorded.lost;
    recorder->job.work.data = &recorder->job;
    recorder->job.node = node;
    recorder->job.running = uv_queue_work(node->loop, &recorder->job.work, work, done) == 0;
    node->n_open += recorder->job.running;
}

/* The journal's last blocks, and no more. */
static void end_journal(struct kad_recorder *recorder)
{
    struct kad_recording *told = &recorder->node->recorded;
    struct kad_journal_stats stats;

    if (!recorder->journal)
        return;
    kad_journal_stats(recorder->journal, &stats);
    told->n_datagrams = stats.n_datagrams;
    told->n_requests = stats.n_requests;
    told->lost |= stats.lost;
    /* The last block may still be refused; whether it was, the file's size tells. */
    told->lost |= kad_journal_end(recorder->journal, kad_node_clock(recorder->node));
    recorder->journal = NULL;
}

static int begin_journal(struct kad_recorder *recorder)
{
    struct kad_node *node = recorder->node;
    struct kad_journal_config config = {
        .version = KAD_VERSION,
        .write = enqueue,
        .context = recorder,
    };

    for (size_t i = 0; i < node->n_sockets && i < KAD_JOURNAL_LISTEN_MAX; i++)
        config.listen[config.n_listen++] = kad_udp_endpoint(node->sockets[i]);
    recorder->begun = true;
    node->recorded.began_at = node->now;
    recorder->until = recorder->duration_ms ? node->now + recorder->duration_ms : KAD_NEVER;
    return kad_journal_begin(node->engine, &config, node->now, &recorder->journal);
}

int kad_recorder_open(struct kad_node *node, const char *path, bool replace, uint64_t max_bytes,
                      kad_ms duration_ms, char *out_why, size_t why_size)
{
    struct kad_recorder *recorder;
    int reason;

    if (node->recorder) {
        snprintf(out_why, why_size, "%.200s is being recorded already", node->recorded.path);
        return KAD_E_EXISTS;
    }
    if (strlen(path) >= sizeof(node->recorded.path)) {
        snprintf(out_why, why_size, "the name is too long");
        return KAD_E_INVALID;
    }
    recorder = calloc(1, sizeof(*recorder));
    if (!recorder) {
        snprintf(out_why, why_size, "%s", kad_error_text(KAD_E_MEMORY));
        return KAD_E_MEMORY;
    }
    recorder->fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY | (replace ? O_TRUNC : O_EXCL), 0600);
    if (recorder->fd < 0) {
        reason = errno;
        snprintf(out_why, why_size, "cannot write %.200s: %s", path, strerror(reason));
        free(recorder);
        return reason == EEXIST ? KAD_E_EXISTS : KAD_E_SYSTEM;
    }
    recorder->node = node;
    recorder->last = &recorder->queued;
    recorder->max_bytes = max_bytes ? max_bytes : MAX_DEFAULT;
    recorder->duration_ms = duration_ms;
    node->recorder = recorder;
    node->recorded = (struct kad_recording){.running = true};
    snprintf(node->recorded.path, sizeof(node->recorded.path), "%s", path);
    return KAD_OK;
}

int kad_recorder_begin(struct kad_node *node)
{
    return begin_journal(node->recorder);
}

int kad_node_record(struct kad_node *node, const char *path, uint64_t max_bytes, kad_ms duration_ms,
                    char *out_why, size_t why_size)
{
    int error;

    if (node->phase != KAD_NODE_RUNNING) {
        snprintf(out_why, why_size, "the node does not run");
        return KAD_E_CLOSED;
    }
    error = kad_recorder_open(node, path, false, max_bytes, duration_ms, out_why, why_size);
    if (!error)
        kad_node_turn_soon(node); /* it begins between two turns, when nothing is half done */
    return error;
}

bool kad_node_record_stop(struct kad_node *node)
{
    if (!node->recorder || node->recorder->closing)
        return false;
    node->recorder->stop = true;
    kad_node_turn_soon(node);
    return true;
}

bool kad_node_recording(const struct kad_node *node, struct kad_recording *out_recording)
{
    const struct kad_recorder *recorder = node->recorder;

    if (!node->recorded.path[0])
        return false;
    *out_recording = node->recorded;
    if (recorder && recorder->journal) {
        struct kad_journal_stats stats;

        kad_journal_stats(recorder->journal, &stats);
        out_recording->n_datagrams = stats.n_datagrams;
        out_recording->n_requests = stats.n_requests;
    }
    return true;
}

void kad_recorder_tick(struct kad_node *node)
{
    struct kad_recorder *recorder = node->recorder;
    struct kad_journal_stats stats;

    if (!recorder)
        return;
    if (!recorder->begun && begin_journal(recorder) != KAD_OK) {
        kad_tell(node, KAD_LOG_ERROR, "record_failed", "file", node->recorded.path, "why", "out of memory",
                 NULL);
        recorder->stop = node->recorded.lost = true;
    }
    if (recorder->journal) {
        kad_journal_stats(recorder->journal, &stats);
        recorder->stop = recorder->stop || stats.lost;
    }
    if ((recorder->stop || node->now >= recorder->until) && !recorder->closing) {
        end_journal(recorder);
        recorder->closing = true;
    }
    begin_writing(recorder);
}

kad_ms kad_recorder_wake_at(const struct kad_node *node)
{
    return node->recorder && !node->recorder->closing ? node->recorder->until : KAD_NEVER;
}

/* The node stops: what is left is written by the worker, which holds the end up. */
void kad_recorder_stop(struct kad_node *node)
{
    struct kad_recorder *recorder = node->recorder;

    if (!recorder || recorder->closing)
        return;
    end_journal(recorder);
    recorder->closing = true;
    begin_writing(recorder);
}

/* The node goes: nobody works any more, so what is left is written here and now. */
void kad_recorder_free(struct kad_node *node)
{
    struct kad_recorder *recorder = node->recorder;

    if (!recorder)
        return;
    assert(!recorder->job.running && "a node that is freed has stopped");
    end_journal(recorder);
    take_queue(recorder);
    recorder->mark = node->recorded.lost;
    write_out(recorder, true);
    drop(node);
}

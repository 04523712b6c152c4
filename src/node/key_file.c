/* key_file - its text and its seal; key_disk.c has the file. */
#include "node/key_file.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "crypto/crypto.h"

#define HEADER     "kad identity 1"
#define SEALED_HEX (2 * (KAD_PASSPHRASE_NONCE + sizeof(((struct kad_sealed *)0)->box)))

/* -- making and opening ------------------------------------------------------------------------------------------ */

int kad_key_file_make(const struct kad_identity *identity, const char *passphrase,
                      struct kad_passphrase_cost cost, struct kad_key_file *out_file)
{
    struct kad_key_file file = {.is_sealed = passphrase != NULL};
    int error = KAD_OK;

    memcpy(file.public_key, identity->public_key, sizeof(file.public_key));
    if (passphrase)
        error = kad_passphrase_seal(passphrase, cost, identity->secret, file.public_key, &file.sealed);
    else
        memcpy(file.seed, identity->secret, sizeof(file.seed));
    if (!error)
        *out_file = file;
    kad_wipe(file.seed, sizeof(file.seed));
    return error;
}

void kad_key_file_moved(struct kad_key_file *file, const struct kad_move *move)
{
    if (file->n_moves == KAD_MOVES_MAX) {
        memmove(file->moves, file->moves + 1, (KAD_MOVES_MAX - 1) * sizeof(file->moves[0]));
        file->n_moves--;
    }
    file->moves[file->n_moves++] = *move;
}

void kad_key_file_wipe(struct kad_key_file *file)
{
    kad_wipe(file->seed, sizeof(file->seed));
}

int kad_key_file_open(const struct kad_key_file *file, const char *passphrase,
                      struct kad_identity *out_identity)
{
    struct kad_identity identity;
    uint8_t seed[32];
    int error = KAD_OK;

    if (!file->is_sealed)
        memcpy(seed, file->seed, sizeof(seed));
    else if (!passphrase)
        return KAD_E_NOT_FOUND;
    else
        error = kad_passphrase_open(passphrase, &file->sealed, file->public_key, seed);
    if (error)
        return error;
    kad_identity_from_seed(&identity, seed);
    if (memcmp(identity.public_key, file->public_key, sizeof(identity.public_key)) != 0)
        error = KAD_E_CORRUPT;
    else
        *out_identity = identity;
    kad_identity_wipe(&identity);
    kad_wipe(seed, sizeof(seed));
    return error;
}

/* -- writing ----------------------------------------------------------------------------------------------------- */

struct writer {
    char *text;
    size_t room, n;
};

__attribute__((format(printf, 2, 3))) static void add(struct writer *writer, const char *format, ...)
{
    const bool fits = writer->n < writer->room;
    va_list list;
    int size;

    va_start(list, format);
    size =
        vsnprintf(fits ? writer->text + writer->n : NULL, fits ? writer->room - writer->n : 0, format, list);
    va_end(list);
    writer->n += size > 0 ? (size_t)size : 0;
}

static void add_hex(struct writer *writer, const void *data, size_t size)
{
    const uint8_t *bytes = data;

    for (size_t i = 0; i < size; i++)
        add(writer, "%02x", bytes[i]);
}

size_t kad_key_file_encode(const struct kad_key_file *file, char *out_text, size_t room)
{
    struct writer writer = {.text = out_text, .room = room};
    char id[KAD_IDENTITY_TEXT];

    add(&writer, HEADER "\n# Whoever has this file, and its passphrase if it has one, is this node.\nid %s\n",
        kad_identity_format(file->public_key, id));
    if (file->is_sealed) {
        add(&writer, "argon2id %u %u ", (unsigned)file->sealed.cost.passes,
            (unsigned)file->sealed.cost.memory_kib);
        add_hex(&writer, file->sealed.salt, sizeof(file->sealed.salt));
        add(&writer, "\nsealed ");
        add_hex(&writer, file->sealed.nonce, sizeof(file->sealed.nonce));
        add_hex(&writer, file->sealed.box, sizeof(file->sealed.box));
    } else {
        add(&writer, "seed ");
        add_hex(&writer, file->seed, sizeof(file->seed));
    }
    add(&writer, "\n");
    for (size_t i = 0; i < file->n_moves; i++) {
        uint8_t bytes[KAD_MOVE_SIZE];

        kad_move_encode(&file->moves[i], bytes);
        add(&writer, "moved ");
        add_hex(&writer, bytes, sizeof(bytes));
        add(&writer, "\n");
    }
    return writer.n;
}

/* -- reading ----------------------------------------------------------------------------------------------------- */

#define LINE_MAX_SIZE 400

/* What was seen so far. */
struct reading {
    struct kad_key_file file;
    bool has_id, has_seed, has_cost, has_box;
};

/* "3 65536 SALT" */
static bool read_cost(struct kad_sealed *sealed, char *text)
{
    char *memory = strchr(text, ' '), *salt = memory ? strchr(memory + 1, ' ') : NULL;
    int64_t passes, memory_kib;

    if (!salt)
        return false;
    *memory++ = '\0';
    *salt++ = '\0';
    if (kad_parse_number(text, 1, KAD_PASSPHRASE_PASSES, &passes) < 0 ||
        kad_parse_number(memory, KAD_PASSPHRASE_LEAST, KAD_PASSPHRASE_MOST, &memory_kib) < 0 ||
        kad_unhex(salt, sealed->salt, sizeof(sealed->salt)) < 0)
        return false;
    sealed->cost.passes = (uint32_t)passes;
    sealed->cost.memory_kib = (uint32_t)memory_kib;
    return true;
}

static bool read_box(struct kad_sealed *sealed, const char *text)
{
    uint8_t bytes[SEALED_HEX / 2];

    if (kad_unhex(text, bytes, sizeof(bytes)) < 0)
        return false;
    memcpy(sealed->nonce, bytes, sizeof(sealed->nonce));
    memcpy(sealed->box, bytes + sizeof(sealed->nonce), sizeof(sealed->box));
    return true;
}

/* One statement; it must go on where the one before ended. */
static const char *read_move(struct kad_key_file *file, const char *text)
{
    uint8_t bytes[KAD_MOVE_SIZE];
    struct kad_move move;

    if (file->n_moves == KAD_MOVES_MAX)
        return "too many of them";
    if (kad_unhex(text, bytes, sizeof(bytes)) < 0)
        return "not 272 hexadecimal digits";
    kad_move_decode(bytes, &move);
    if (!kad_move_check(&move))
        return "not signed by who moved";
    if (file->n_moves && memcmp(file->moves[file->n_moves - 1].to, move.from, sizeof(move.from)) != 0)
        return "does not begin where the one before ends";
    file->moves[file->n_moves++] = move;
    return NULL;
}

/* NULL: it is well. */
static const char *read_line(struct reading *reading, char *line)
{
    struct kad_key_file *file = &reading->file;
    char *value = strchr(line, ' ');

    if (line[0] == '\0' || line[0] == '#')
        return NULL;
    if (!value)
        return "neither id, seed, argon2id, sealed nor moved";
    *value++ = '\0';
    if (strcmp(line, "id") == 0) {
        if (reading->has_id || kad_identity_parse(value, file->public_key) < 0)
            return reading->has_id ? "a second id" : "no identity";
        reading->has_id = true;
    } else if (strcmp(line, "seed") == 0) {
        if (reading->has_seed || kad_unhex(value, file->seed, sizeof(file->seed)) < 0)
            return reading->has_seed ? "a second seed" : "not 64 hexadecimal digits";
        reading->has_seed = true;
    } else if (strcmp(line, "argon2id") == 0) {
        if (reading->has_cost || !read_cost(&file->sealed, value))
            return "not PASSES (1 to 16) KIB (8192 to 524288) SALT (32 hexadecimal digits), once";
        reading->has_cost = true;
    } else if (strcmp(line, "sealed") == 0) {
        if (reading->has_box || !read_box(&file->sealed, value))
            return "not 144 hexadecimal digits, once";
        reading->has_box = true;
    } else if (strcmp(line, "moved") == 0) {
        return read_move(file, value);
    } else {
        return "neither id, seed, argon2id, sealed nor moved";
    }
    return NULL;
}

/* What the lines must make together; NULL: they do. */
static const char *check_whole(struct reading *reading)
{
    struct kad_key_file *file = &reading->file;

    if (!reading->has_id)
        return "no id";
    if (reading->has_cost != reading->has_box || reading->has_seed == reading->has_box)
        return "wants a seed, or argon2id and sealed";
    if (file->n_moves &&
        memcmp(file->moves[file->n_moves - 1].to, file->public_key, sizeof(file->public_key)) != 0)
        return "was moved to another identity";
    file->is_sealed = reading->has_box;
    return NULL;
}

/* The next line without its newline. False: it does not fit, or has a zero in it. */
static bool next_line(struct kad_bytes *left, char out_line[LINE_MAX_SIZE])
{
    const uint8_t *end = memchr(left->data, '\n', left->size);
    const size_t size = end ? (size_t)(end - left->data) : left->size;

    if (size >= LINE_MAX_SIZE || memchr(left->data, 0, size))
        return false;
    memcpy(out_line, left->data, size);
    out_line[size] = '\0';
    left->data += size + (end != NULL);
    left->size -= size + (end != NULL);
    return true;
}

int kad_key_file_decode(struct kad_bytes bytes, struct kad_key_file *out_file, char *out_why, size_t why_size)
{
    struct reading reading = {0};
    char line[LINE_MAX_SIZE];
    const char *wrong = NULL;
    unsigned number = 0;

    if (bytes.size > KAD_KEY_FILE_MAX) {
        snprintf(out_why, why_size, "no key file: longer than %d bytes", KAD_KEY_FILE_MAX);
        return KAD_E_INVALID;
    }
    while (!wrong && bytes.size) {
        number++;
        if (!next_line(&bytes, line))
            wrong = number == 1 ? "no key file of kad" : "too long, or no text";
        else if (number == 1)
            wrong = strcmp(line, HEADER) == 0 ? NULL : "no key file of kad";
        else
            wrong = read_line(&reading, line);
    }
    if (!wrong && !number)
        wrong = "empty";
    else if (!wrong)
        wrong = check_whole(&reading);
    if (wrong)
        snprintf(out_why, why_size, "line %u: %s", number ? number : 1, wrong);
    else
        *out_file = reading.file;
    kad_wipe(line, sizeof(line));
    kad_key_file_wipe(&reading.file);
    return wrong ? KAD_E_INVALID : KAD_OK;
}

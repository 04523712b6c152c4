/*
 * test_vectors - what the vectors are of, and how they are written and compared.
 *
 * tests/vectors/x.json is what this code computes. docs/protocol.md says how, and second.py beside this file does it again with
 * nothing but that page. KAD_WRITE_VECTORS=1 writes the files anew, for a deliberate change of the protocol.
 */
#ifndef TESTS_VECTORS_TEST_VECTORS_H
#define TESTS_VECTORS_TEST_VECTORS_H

#include <jansson.h>

#include "kad/secure.h"

#define VECTOR_NOW   ((kad_ms)1790000000000)
#define VECTOR_CASES 14

/* A record of each class. `name` NULL: somebody's, or the content's. */
struct vector_case {
    const char *class_name, *name, *value;
    bool withdrawn;
};
extern const struct vector_case vector_cases[VECTOR_CASES];

void vector_seed(unsigned number, uint8_t out_seed[32]);
void vector_name(unsigned i, struct kad_secure_name *out_name);
/* Borrows from `value` and from itself until the next call. */
void vector_record(unsigned i, uint8_t value[KAD_SECURE_VALUE_MAX], struct kad_record *out_record,
                   struct kad_secure_name *out_name, struct kad_secure_draft *out_draft);
void vector_attest(uint8_t kind, struct kad_attest *out_attest);
/* As it stands in a RECORD or GHOST field. */
json_t *vector_wire_form(const struct kad_record *record);

json_t *vector_hex(const void *data, size_t size);
void vector_set_hex(json_t *object, const char *key, const void *data, size_t size);
void vector_set_number(json_t *object, const char *key, int64_t number);
void vector_set_text(json_t *object, const char *key, const char *text);
/* Compares with the file, or writes it. Takes over `made`. */
void vector_expect(const char *source, const char *name, json_t *made);
#define vector_expect_file(name, made) vector_expect(KAD_SOURCE_DIR, (name), (made))

#endif

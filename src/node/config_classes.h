/*
 * config_classes - record classes of the operator's own, as lines of a configuration file.
 *
 *     class = recipe ttl=7d max-size=600 select=newest validate=prefix:{"title"
 *
 * What programs say with a struct kad_class (kad/engine.h) and functions of their own, an operator says with the words below.
 * All nodes that are to hold such records need the same line, as all programs do.
 */
#ifndef KAD_NODE_CONFIG_CLASSES_H
#define KAD_NODE_CONFIG_CLASSES_H

#include "kad/engine.h"

#define KAD_CONFIG_CLASSES     16
#define KAD_CONFIG_CLASS_TEXT  180
#define KAD_CONFIG_PREFIX_TEXT 40

enum kad_class_select {
    KAD_SELECT_SEQUENCE, /* the higher sequence */
    KAD_SELECT_NEWEST,   /* the later date */
    KAD_SELECT_FIRST     /* the first owner's, while it is held */
};
enum kad_class_validate {
    KAD_VALIDATE_SIGNED, /* nothing besides the signature that all records have */
    KAD_VALIDATE_HASH,   /* its name is the SHA-256 of the value, in hexadecimal */
    KAD_VALIDATE_PREFIX  /* the value begins so */
};

struct kad_config_class {
    char name[KAD_CLASS_NAME_MAX + 1];
    unsigned type; /* on the wire; 0: follows from the name */
    kad_ms ttl_ms; /* KAD_NEVER: for good */
    unsigned max_size, owners;
    enum kad_class_select select;
    enum kad_class_validate validate;
    bool open; /* not sealed: holders can read it, and so check it */
    char prefix[KAD_CONFIG_PREFIX_TEXT];
};

/* 0 or KAD_E_INVALID with what is wrong. */
KAD_CHECK int kad_config_class_read(const char *text, struct kad_config_class *out_class, char *why,
                                    size_t why_size);
/* As it is read. */
char *kad_config_class_print(const struct kad_config_class *class, char *out_text, size_t room);
/* What it is called on the wire. */
unsigned kad_config_class_type(const struct kad_config_class *class);
/* Borrows from `class`, which must stay where it is. */
void kad_config_class_make(const struct kad_config_class *class, struct kad_class *out_class);

#endif

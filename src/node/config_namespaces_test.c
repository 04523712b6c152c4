#include "node/config_namespaces.h"

#include <string.h>

#include "base/test.h"

static struct kad_bytes bytes(const char *text)
{
    return (struct kad_bytes){(const uint8_t *)text, strlen(text)};
}

static struct kad_record record(const char *name, const char *value, kad_ms made_at)
{
    return (struct kad_record){.salt = bytes(name), .value = bytes(value), .made_at = made_at};
}

TEST(a_list_of_names)
{
    char why[200];

    EXPECT_EQ(kad_namespaces_check("", why, sizeof(why)), 0);
    EXPECT_EQ(kad_namespaces_check("icn", why, sizeof(why)), 0);
    EXPECT_EQ(kad_namespaces_check("icn, app-1:newest,b_2:greater", why, sizeof(why)), 0);
    EXPECT_EQ(kad_namespaces_check("pk", why, sizeof(why)), KAD_E_INVALID);
    EXPECT_EQ(kad_namespaces_check("icn, ipns:newest", why, sizeof(why)), KAD_E_INVALID);
    EXPECT_EQ(kad_namespaces_check("icn:oldest", why, sizeof(why)), KAD_E_INVALID);
    EXPECT_EQ(kad_namespaces_check("/icn/", why, sizeof(why)), KAD_E_INVALID);
    EXPECT_EQ(kad_namespaces_check(":newest", why, sizeof(why)), KAD_E_INVALID);
}

TEST(what_is_named_is_accepted)
{
    struct kad_class class_;
    struct kad_record one;

    EXPECT(!kad_namespaces_class(" , ", &class_));
    EXPECT(kad_namespaces_class("app:newest, icn", &class_));
    EXPECT_EQ(class_.type, KAD_CLASS_USER);
    one = record("/icn/a", "x", 1);
    EXPECT(class_.valid(class_.context, &one));
    one = record("/app/a", "x", 1);
    EXPECT(class_.valid(class_.context, &one));
    one = record("/icn/a", "", 1);
    EXPECT(!class_.valid(class_.context, &one));
    one = record("/icn/", "x", 1);
    EXPECT(!class_.valid(class_.context, &one));
    one = record("/icnx/a", "x", 1);
    EXPECT(!class_.valid(class_.context, &one));
    one = record("xicn/a", "x", 1);
    EXPECT(!class_.valid(class_.context, &one));
}

/* What has been read has no name any more; both are of one. */
TEST(which_of_two_stands)
{
    struct kad_class class_;
    struct kad_record old, new;

    EXPECT(kad_namespaces_class("app:newest, icn", &class_));
    old = record("/icn/a", "2", 1);
    new = record("", "1", 2);
    EXPECT(class_.better(class_.context, &old, &new) && !class_.better(class_.context, &new, &old));
    new = record("", "20", 2);
    EXPECT(!class_.better(class_.context, &old, &new) && class_.better(class_.context, &new, &old));
    new = record("", "2", 2);
    EXPECT(!class_.better(class_.context, &old, &new) && !class_.better(class_.context, &new, &old));
    old = record("/app/a", "2", 1);
    new = record("", "1", 2);
    EXPECT(!class_.better(class_.context, &old, &new) && class_.better(class_.context, &new, &old));
}

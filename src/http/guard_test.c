/* The guard stands between strangers' pages and a node that trusts whoever is on this machine. */
#include "http/guard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/test.h"

static const struct kad_guard loopback = {.check_host = true, .names = "box.lan, dash.example"};
static const struct kad_guard open_world = {.is_public = true, .token = "feedfeed"};

static unsigned status(const struct kad_guard *guard, struct kad_guard_request request)
{
    if (!request.method)
        request.method = "GET";
    if (!request.path)
        request.path = "/api/node";
    return kad_guard_check(guard, &request).status;
}

static unsigned host(const char *text)
{
    return status(&loopback, (struct kad_guard_request){.host = text});
}

/* DNS rebinding: evil.example resolves to 127.0.0.1 once its page is loaded, and the browser calls that the same site. */
TEST(only_names_of_this_machine_are_answered_to)
{
    static const char *const own[] = {"127.0.0.1",  "127.0.0.1:8080", "[::1]:8080", "[::1]",
                                      "localhost",  "LocalHost:8080", "localhost.", "box.lan",
                                      "BOX.lan:80", "dash.example",   "192.0.2.7"};
    static const char *const others[] = {"",
                                         "evil.example",
                                         "evil.example:8080",
                                         "localhost.evil.example",
                                         "127.0.0.1.evil.example",
                                         "box",
                                         "box.lan.evil",
                                         ",",
                                         "box.lan,",
                                         ":8080",
                                         "[::1",
                                         "[evil]"};
    char long_name[600];

    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        EXPECT_MSG(host(own[i]) == 0, "%s", own[i]);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        EXPECT_MSG(host(others[i]) == 421, "%s", others[i]);
    memset(long_name, 'a', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = 0;
    EXPECT_EQ(host(long_name), 421);
    EXPECT_EQ(host(NULL), 0); /* HTTP/1.0; no browser leaves it out */
    EXPECT_EQ(status(&open_world, (struct kad_guard_request){.host = "node.example"}), 0);
}

static unsigned from(const char *path, const char *origin, const char *site)
{
    return status(&loopback,
                  (struct kad_guard_request){
                      .path = path, .host = "localhost:8080", .origin = origin, .fetch_site = site});
}

TEST(pages_of_other_sites_may_link_and_not_ask)
{
    EXPECT_EQ(from("/api/node", NULL, "same-origin"), 0);
    EXPECT_EQ(from("/api/node", NULL, "none"), 0); /* typed in */
    EXPECT_EQ(from("/api/node", NULL, "cross-site"), 403);
    EXPECT_EQ(from("/api/node", NULL, "same-site"), 403); /* another port of localhost */
    EXPECT_EQ(from("/events", NULL, "cross-site"), 403);
    EXPECT_EQ(from("/", NULL, "cross-site"), 0);
    EXPECT_EQ(from("/api/node", "http://localhost:8080", NULL), 0);
    EXPECT_EQ(from("/api/node", "https://dash.example", NULL), 0);
    EXPECT_EQ(from("/api/node", "http://localhost:3000", NULL), 403);
    EXPECT_EQ(from("/api/node", "http://evil.example", NULL), 403);
    EXPECT_EQ(from("/api/node", "null", NULL), 403);
    EXPECT_EQ(from("/api/node", "", NULL), 403);
}

static unsigned post(const struct kad_guard *guard, const char *content_type, const char *authorization)
{
    return status(guard, (struct kad_guard_request){.method = "POST",
                                                    .path = "/api/dht/put",
                                                    .host = "localhost",
                                                    .content_type = content_type,
                                                    .authorization = authorization});
}

/* A form can send text/plain with JSON in it to anybody, without being asked whether it may. */
TEST(what_changes_something_is_json)
{
    EXPECT_EQ(post(&loopback, "application/json", NULL), 0);
    EXPECT_EQ(post(&loopback, "Application/JSON; charset=utf-8", NULL), 0);
    EXPECT_EQ(post(&loopback, "text/plain", NULL), 415);
    EXPECT_EQ(post(&loopback, "application/jsonx", NULL), 415);
    EXPECT_EQ(post(&loopback, "application/x-www-form-urlencoded", NULL), 415);
    EXPECT_EQ(post(&loopback, NULL, NULL), 415);
    EXPECT_EQ(post(&(struct kad_guard){.open = true}, NULL, NULL), 0);
}

TEST(strangers_read_and_the_token_does_everything)
{
    static const char json[] = "application/json";
    struct kad_guard_request request = {.method = "GET", .path = "/api/dht/get"};

    EXPECT_EQ(kad_guard_check(&open_world, &request).status, 0);
    EXPECT(!kad_guard_check(&open_world, &request).trusted);
    request.has_address = true;
    EXPECT_EQ(kad_guard_check(&open_world, &request).status, 401);
    request.authorization = "Bearer feedfeed";
    EXPECT_EQ(kad_guard_check(&open_world, &request).status, 0);
    EXPECT(kad_guard_check(&open_world, &request).trusted);

    EXPECT_EQ(post(&open_world, json, NULL), 401);
    EXPECT_EQ(post(&open_world, json, "Bearer feedfeed"), 0);
    EXPECT_EQ(post(&open_world, json, "bearer  feedfeed"), 0);
    EXPECT_EQ(post(&open_world, json, "Bearer feedfeeb"), 401);
    EXPECT_EQ(post(&open_world, json, "Bearer feedfee"), 401);
    EXPECT_EQ(post(&open_world, json, "Bearer feedfeedf"), 401);
    EXPECT_EQ(post(&open_world, json, "Bearer "), 401);
    EXPECT_EQ(post(&open_world, json, "Basic feedfeed"), 401);
    EXPECT_EQ(post(&open_world, json, "feedfeed"), 401);
    EXPECT_EQ(post(&open_world, "text/plain", "Bearer feedfeed"), 415);
    EXPECT_EQ(status(&open_world, (struct kad_guard_request){.authorization = "Bearer wrong"}), 401);
    /* No data directory, no token: nothing matches, the empty one neither. */
    EXPECT_EQ(post(&(struct kad_guard){.is_public = true}, json, "Bearer "), 401);
}

TEST(the_token_is_made_once_and_only_its_owner_reads_it)
{
    char folder[] = "/tmp/kad-guard-XXXXXX", path[64], first[KAD_GUARD_TOKEN], second[KAD_GUARD_TOKEN];
    struct stat found;

    EXPECT(mkdtemp(folder) != NULL);
    snprintf(path, sizeof path, "%s/api.token", folder);
    EXPECT_EQ(kad_guard_token(folder, first), KAD_OK);
    EXPECT(strlen(first) == KAD_GUARD_TOKEN - 1);
    EXPECT(stat(path, &found) == 0 && (found.st_mode & 0777) == 0600);
    EXPECT(chmod(path, 0644) == 0);
    EXPECT_EQ(kad_guard_token(folder, second), KAD_OK);
    EXPECT_STR(second, first);
    EXPECT(stat(path, &found) == 0 && (found.st_mode & 0777) == 0600);
    EXPECT(truncate(path, 10) == 0);
    EXPECT_EQ(kad_guard_token(folder, second), KAD_E_CORRUPT);
    unlink(path);
    EXPECT_EQ(kad_guard_token(folder, second), KAD_OK);
    EXPECT(strcmp(first, second) != 0);
    unlink(path);
    rmdir(folder);
    EXPECT_EQ(kad_guard_token(folder, second), KAD_E_SYSTEM);
}

#include "http/instant.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define LAST INT64_C(253402300799999) /* 9999-12-31T23:59:59.999Z */

bool kad_instant_format(kad_ms at, char out_text[KAD_INSTANT_TEXT])
{
    const time_t seconds = (time_t)(at / KAD_SECOND);
    char date[20];
    struct tm tm;

    if (at < 0 || at > LAST || !gmtime_r(&seconds, &tm))
        return false;
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(out_text, KAD_INSTANT_TEXT, "%s.%03uZ", date, (unsigned)(at % KAD_SECOND));
    return true;
}

/* Written again it has to be the same: then every digit meant what it said. */
bool kad_instant_parse(const char *text, kad_ms *out_at)
{
    unsigned year, month, day, hour, minute, second, ms;
    char again[KAD_INSTANT_TEXT];
    struct tm tm;

    if (strlen(text) != KAD_INSTANT_TEXT - 1 ||
        sscanf(text, "%4u-%2u-%2uT%2u:%2u:%2u.%3uZ", &year, &month, &day, &hour, &minute, &second, &ms) != 7)
        return false;
    tm = (struct tm){.tm_year = (int)year - 1900,
                     .tm_mon = (int)month - 1,
                     .tm_mday = (int)day,
                     .tm_hour = (int)hour,
                     .tm_min = (int)minute,
                     .tm_sec = (int)second};
    *out_at = (kad_ms)timegm(&tm) * KAD_SECOND + (kad_ms)ms;
    return kad_instant_format(*out_at, again) && strcmp(again, text) == 0;
}

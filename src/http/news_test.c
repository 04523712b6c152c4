#include "http/news.h"

#include <stdlib.h>
#include <string.h>

#include "base/test.h"

static void add(struct kad_history *history, kad_ms at)
{
    struct kad_history_reading reading = {.at = at};

    reading.values[KAD_HISTORY_RECORDS] = (double)(at / 1000);
    kad_history_add(history, &reading);
}

/* Whoever asks, the text is made once for each new sample; and each new sample is told. */
TEST(history_is_put_into_words_once_a_sample)
{
    static struct kad_history history;
    struct kad_news_told told = {0};
    const char *made;
    char *first, *again, *later;

    kad_history_init(&history);
    free(kad_news_history(&history.seconds, KAD_SECOND, &told)); /* of nothing */
    add(&history, 1000);
    add(&history, 2000);
    first = kad_news_history(&history.seconds, KAD_SECOND, &told);
    made = told.text;
    again = kad_news_history(&history.seconds, KAD_SECOND, &told);
    EXPECT(told.text == made);
    EXPECT_STR(again, first);
    EXPECT(strstr(first, "\"at_ms\":[2000]") && strstr(first, "\"records\":[2]"));
    add(&history, 3000);
    later = kad_news_history(&history.seconds, KAD_SECOND, &told);
    EXPECT(strstr(later, "\"at_ms\":[2000,3000]") && strstr(later, "\"records\":[2,3]"));
    kad_news_told_clear(&told);
    EXPECT(told.text == NULL);
    free(first);
    free(again);
    free(later);
}

/* config_fuzz - any text as a configuration file: an error with a line, or a configuration that prints and reads back. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "node/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct kad_config config, again;
    static char first[32768], second[32768];
    char why[KAD_CONFIG_WHY] = "";
    char *text = malloc(size + 1);

    if (!text)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    kad_config_default(kad_network_mainline(), &config);
    if (kad_config_text(&config, "fuzz", text, why) < 0) {
        assert(strncmp(why, "fuzz:", 5) == 0 && "an error says where");
    } else if (size % 4 == 0) { /* printing and reading back takes twenty times as long as reading */
        assert(kad_config_print(&config, first, sizeof(first)) < sizeof(first));
        kad_config_default(kad_network_mainline(), &again);
        assert(kad_config_text(&again, "printed", first, why) == 0);
        kad_config_print(&again, second, sizeof(second));
        assert(strcmp(first, second) == 0 && "what is printed is what was read");
        (void)!kad_config_check(&config, why);
    }
    free(text);
    return 0;
}

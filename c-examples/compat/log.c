/*
 * log NAME
 *
 * The logger: a line of each level, in its colour, with the time; whatever printf formats.
 */
#include <ckafka_compat.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "nobody";
    log_message(LOG_LEVEL_SYSTEM, "%s started with %d argument%s", name, argc - 1, argc == 2 ? "" : "s");
    log_message(LOG_LEVEL_BROKER, "%-8s|%5.1f %%|%#x", "topic", 99.5, 255u);
    printf("a line of the program's own, in its place\n"); /* one buffer: the order is kept, also in a pipe */
    log_message(LOG_LEVEL_PRODUCER, "offset %lld, ratio %.3Lf", 1LL << 40, 1.0L / 3.0L);
    log_message(LOG_LEVEL_CONSUMER, "done");
    return 0;
}

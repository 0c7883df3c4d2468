/*
 * import DIRECTORY TOPIC FILE [skip]
 *
 * Takes over a log that append.c or an original program wrote into partition 0 of a topic, both made if missing: every
 * message becomes a record, with its time from the time index beside FILE. Run again, it goes on where it stopped, and
 * appends only what is new. A damaged record ends it, unless the fourth word leaves such records out.
 */
#include <ckafka.h>
#include <ckafka_compat.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static void must(ckafka_err_t err)
{
    if (err == CKAFKA_OK)
        return;
    fprintf(stderr, "%s\n", ckafka_errmsg());
    exit(1);
}

int main(int argc, char **argv)
{
    ckafka_t *directory;
    ckafka_log_t *log;
    int64_t count;
    char *report;

    if (argc != 4 && argc != 5) {
        fprintf(stderr, "usage: import DIRECTORY TOPIC FILE [skip]\n");
        return 2;
    }
    must(ckafka_open(argv[1], NULL, CKAFKA_OPEN_CREATE, &directory));
    const ckafka_err_t made = ckafka_topic_create(directory, argv[2], 1, NULL);
    must(made == CKAFKA_ERR_TOPIC_ALREADY_EXISTS ? CKAFKA_OK : made);
    must(ckafka_log_open(directory, argv[2], 0, &log));
    must(ckafka_compat_import(log, argv[3], argc == 5 ? CKAFKA_COMPAT_IMPORT_SKIP_DAMAGED : 0, &count, &report));
    printf("%" PRId64 " records taken over\n%s\n", count, report);
    ckafka_free(report);
    must(ckafka_log_close(log));
    must(ckafka_close(directory));
    return 0;
}

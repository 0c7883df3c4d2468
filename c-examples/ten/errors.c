/*
 * errors DIRECTORY
 *
 * What can go wrong, how a program sees it, and what it does then. A code decides: 0 is success, positive ones are
 * Kafka's own, negative ones are local. A text for people comes with each: which call, what, where, what was expected.
 */
#include <ckafka.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

typedef enum { GO_ON, TRY_LATER, GIVE_UP } answer_t;

/* What a program does about an error is a question of a few kinds, not of each code. */
static answer_t answer(ckafka_err_t err)
{
    switch (err) {
    case CKAFKA_OK:
    case CKAFKA_ERR__TIMED_OUT:   /* nothing new yet */
    case CKAFKA_ERR__INTERRUPTED: /* a signal, or ckafka_wakeup */
        return GO_ON;
    case CKAFKA_ERR__AGAIN:     /* poll the descriptor */
    case CKAFKA_ERR__BUSY:      /* another thread or process has it */
    case CKAFKA_ERR__LOCKED:    /* a broker has the directory */
    case CKAFKA_ERR__DISK_FULL: /* nothing of the call was kept: repeat it when there is room */
        return TRY_LATER;
    default: /* a mistake of the program, damage on disk, or a disk that fails */
        return GIVE_UP;
    }
}

static int surprises;

/* Shows an error, and that it is the one expected. */
static void shows(ckafka_err_t found, ckafka_err_t expected, const char *what)
{
    static const char *const answers[] = {"go on", "try later", "give up"};
    printf("%s\n  code    %" PRId32 ", %s\n  message %s\n  answer  %s\n", what, found, ckafka_strerror(found),
           ckafka_errmsg(), answers[answer(found)]);
    if (found != expected) {
        printf("  EXPECTED %s\n", ckafka_strerror(expected));
        surprises++;
    }
}

int main(int argc, char **argv)
{
    ckafka_t *dir = NULL;
    ckafka_log_t *log = NULL;
    ckafka_reader_t *reader = NULL;
    ckafka_view_t *view = NULL;
    int64_t offset = -1;
    const ckafka_record_t record = {.value = {"x", 1}, .ts = -1};

    if (argc != 2) {
        fprintf(stderr, "usage: errors DIRECTORY\n");
        return 2;
    }
    shows(ckafka_open("/no/such/directory", NULL, 0, &dir), CKAFKA_ERR__IO, "a directory that is not there");

    ckafka_conf_t *conf = ckafka_conf_new();
    shows(ckafka_conf_set(conf, "segment.byte", "4096"), CKAFKA_ERR_INVALID_CONFIG, "a key that is misspelt");
    shows(ckafka_conf_set(conf, "segment.bytes", "12"), CKAFKA_ERR_INVALID_CONFIG, "a value out of range");
    ckafka_conf_free(conf);

    if (ckafka_open(argv[1], NULL, CKAFKA_OPEN_CREATE, &dir) || ckafka_topic_create(dir, "topic", 1, NULL) ||
        ckafka_log_open(dir, "topic", 0, &log) || ckafka_append(log, &record, 1, &offset)) {
        fprintf(stderr, "%s\n", ckafka_errmsg());
        return 1;
    }
    shows(ckafka_topic_create(dir, "topic", 1, NULL), CKAFKA_ERR_TOPIC_ALREADY_EXISTS, "a topic that exists");
    shows(ckafka_topic_create(dir, "a/b", 1, NULL), CKAFKA_ERR_INVALID_TOPIC, "a name that no topic can have");
    shows(ckafka_append(log, &record, 0, &offset), CKAFKA_ERR__INVALID_ARG, "an append of nothing");
    shows(ckafka_append(NULL, &record, 1, &offset), CKAFKA_ERR__BAD_HANDLE, "no log");
    shows(ckafka_reader_open(log, 1000, NULL, &reader), CKAFKA_ERR_OFFSET_OUT_OF_RANGE, "an offset past the end");

    /* Results are written on success only: what a failed call was to fill is as it was. */
    if (reader != NULL || offset != 0)
        surprises++;
    if (ckafka_reader_open(log, CKAFKA_START_LATEST, NULL, &reader))
        return 1;
    shows(ckafka_reader_fetch(reader, 4096, 10, &view), CKAFKA_ERR__TIMED_OUT, "nothing new within 10 ms");

    /* A directory stays open while something in it is: close in the order opposite to opening. */
    shows(ckafka_close(dir), CKAFKA_ERR__BUSY, "closing too early");
    if (ckafka_reader_close(reader) || ckafka_log_close(log))
        return 1;
    shows(ckafka_log_close(log), CKAFKA_ERR__BAD_HANDLE, "closing twice");
    return ckafka_close(dir) == CKAFKA_OK && surprises == 0 ? 0 : 1;
}

/*
 * event_loop DIRECTORY
 *
 * A reader inside an event loop that has other things to do: its descriptor lies in epoll beside a timer. Whoever
 * appends, from this process or another, makes it readable. On each tick of the timer this program appends itself.
 */
#include <ckafka.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define TICK_COUNT 10
#define TICK_NS 20000000

/* Gives up with what the library says. */
static void must(ckafka_err_t err, const char *what)
{
    if (err == CKAFKA_OK)
        return;
    fprintf(stderr, "%s: %s\\n", what, ckafka_errmsg());
    exit(1);
}

static void must_do(int result, const char *what)
{
    if (result < 0) {
        perror(what);
        exit(1);
    }
}

static void watch(int queue, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    must_do(epoll_ctl(queue, EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
}

static void on_tick(int timer, ckafka_log_t *log, int *tick)
{
    char value[32];
    uint64_t expirations;
    int64_t offset;
    must_do((int)read(timer, &expirations, sizeof expirations), "reading the timer");
    const int len = snprintf(value, sizeof value, "tick %d", (*tick)++);
    const ckafka_record_t record = {.value = {value, (size_t)len}, .ts = -1};
    must(ckafka_append(log, &record, 1, &offset), "appending");
}

/* Takes all there is; only then does the descriptor cease to be readable. It is neither read nor closed by us. */
static int on_records(ckafka_reader_t *reader)
{
    ckafka_view_t *view;
    ckafka_err_t err;
    int count = 0;
    while ((err = ckafka_reader_fetch(reader, 65536, 0, &view)) == CKAFKA_OK) {
        const ckafka_rec_t *records;
        const void *base;
        size_t size, n;
        must(ckafka_view_base(view, &base, &size), "the memory of the view");
        must(ckafka_view_records(view, &records, &n), "the records of the view");
        for (size_t i = 0; i < n; i++, count++)
            printf("%" PRId64 ": %.*s\n", records[i].offset, (int)records[i].val_len,
                   (const char *)base + records[i].val_pos);
        ckafka_view_release(view);
    }
    if (err != CKAFKA_ERR__TIMED_OUT)
        must(err, "reading");
    return count;
}

int main(int argc, char **argv)
{
    ckafka_t *dir;
    ckafka_log_t *log;
    ckafka_reader_t *reader;
    const struct itimerspec every = {{0, TICK_NS}, {0, TICK_NS}};
    int readable, tick = 0, seen = 0;

    if (argc != 2) {
        fprintf(stderr, "usage: event_loop DIRECTORY\n");
        return 2;
    }
    must(ckafka_open(argv[1], NULL, CKAFKA_OPEN_CREATE, &dir), "opening the directory");
    must(ckafka_topic_create(dir, "ticks", 1, NULL), "making the topic");
    must(ckafka_log_open(dir, "ticks", 0, &log), "opening partition 0");
    must(ckafka_reader_open(log, CKAFKA_START_EARLIEST, NULL, &reader), "opening a reader");
    must(ckafka_reader_fd(reader, &readable), "the reader's descriptor");

    const int queue = epoll_create1(EPOLL_CLOEXEC), timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    must_do(queue, "epoll_create1");
    must_do(timer, "timerfd_create");
    must_do(timerfd_settime(timer, 0, &every, NULL), "timerfd_settime");
    watch(queue, readable);
    watch(queue, timer);
    while (seen < TICK_COUNT) {
        struct epoll_event event;
        if (epoll_wait(queue, &event, 1, -1) != 1)
            continue; /* a signal */
        if (event.data.fd == timer)
            on_tick(timer, log, &tick);
        else
            seen += on_records(reader);
    }
    close(timer);
    close(queue);
    must(ckafka_reader_close(reader), "closing the reader");
    must(ckafka_log_close(log), "closing the log");
    must(ckafka_close(dir), "closing the directory");
    return 0;
}

/*
 * places FOLDER storm|child|stack|descriptors
 *
 * A life of a log under a storm of signals, in a forked child, on a stack of 64 KiB, and where no descriptor is left.
 */
#include "life.h"
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define HANG_SECONDS 120
#define STACK_SIZE 65536
#define DESCRIPTORS_MAX 64

static const char *const codecs[] = {"none", "gzip", "snappy", "lz4", "zstd"};
static pthread_t stormed;
static atomic_int is_over;
static atomic_long signals;

static void on_signal(int signal)
{
    (void)signal;
    atomic_fetch_add(&signals, 1);
}

static void *blow(void *unused)
{
    (void)unused;
    while (!atomic_load(&is_over)) {
        pthread_kill(stormed, SIGUSR1);
        usleep(50);
    }
    return NULL;
}

/* Every wait and system call is interrupted again and again, and none restarted by the kernel. */
static void storm(void)
{
    pthread_t wind;
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGUSR1, &action, NULL);
    stormed = pthread_self();
    pthread_create(&wind, NULL, blow, NULL);
    for (int i = 0; i < 20; i++)
        WORKS(life("storm", codecs[i % 5]));
    atomic_store(&is_over, 1);
    pthread_join(wind, NULL);
    HOLDS(atomic_load(&signals) > 100);
}

#define FORKED(call) GIVES(call, CKAFKA_ERR__FORKED)

/* What the parent has open answers so in the child, and a view stays readable. */
static void inherited(life_t *life)
{
    const ckafka_record_t record = make_record("key", "value", -1);
    const void *bytes;
    size_t size;
    int64_t a, b, c;
    uint64_t number;
    int fd;
    char *json;
    ckafka_view_t *view;
    ckafka_reader_t *reader;
    ckafka_sender_t *sender;
    ckafka_batch_t *batch;
    FORKED(ckafka_sync(life->dir));
    FORKED(ckafka_stats(life->dir, &json));
    FORKED(ckafka_caps(life->dir, &number));
    FORKED(ckafka_topic_create(life->dir, "child", 1, NULL));
    FORKED(ckafka_topic_delete(life->dir, "life"));
    FORKED(ckafka_topic_list(life->dir, &json));
    FORKED(ckafka_recovery_report(life->dir, &json));
    FORKED(ckafka_watermarks(life->dir, "life", 0, &a, &b, &c));
    FORKED(ckafka_io_threads_start(life->dir, CKAFKA_IO_FLUSH));
    FORKED(ckafka_append(life->log, &record, 1, &a));
    FORKED(ckafka_append_durable(life->log, &record, 1, 0, &a));
    FORKED(ckafka_append_raw(life->log, "batch", 5, &a));
    FORKED(ckafka_wait_durable(life->log, 0, 0));
    FORKED(ckafka_sync_request(life->log));
    FORKED(ckafka_durable_fd(life->log, &fd));
    FORKED(ckafka_pretouch(life->log));
    FORKED(ckafka_batch_new(life->log, 0, &batch));
    FORKED(ckafka_offset_for_time(life->log, 0, &a, &b));
    FORKED(ckafka_reader_open(life->log, 0, NULL, &reader));
    FORKED(ckafka_sender_open(life->log, 0, &sender));
    FORKED(ckafka_reader_fetch(life->reader, 4096, 0, &view));
    FORKED(ckafka_reader_seek(life->reader, 0));
    FORKED(ckafka_reader_seek_time(life->reader, 0));
    FORKED(ckafka_reader_position(life->reader, &a));
    FORKED(ckafka_reader_fd(life->reader, &fd));
    FORKED(ckafka_wakeup(life->reader));
    FORKED(ckafka_send(life->sender, 1, 4096, 0, &number));
    FORKED(ckafka_sender_position(life->sender, &a, &number));
    WORKS(ckafka_view_raw(life->view, &bytes, &size));
    HOLDS(size > 61 && ((const char *)bytes)[16] == 2);
    FORKED(ckafka_sender_close(life->sender));
    FORKED(ckafka_reader_close(life->reader));
    FORKED(ckafka_log_close(life->log));
    FORKED(ckafka_close(life->dir));
}

static void child(void)
{
    life_t parent;
    int status = 1;
    NEEDS(life_open(&parent, "parent", "none"));
    NEEDS(life_append(&parent));
    NEEDS(ckafka_reader_fetch(parent.reader, 4096, 0, &parent.view));
    const pid_t pid = fork();
    if (pid == 0) {
        alarm(HANG_SECONDS);
        inherited(&parent);
        for (int i = 0; i < 5; i++)
            WORKS(life("child", codecs[i]));
        _exit(check_failures ? 1 : 0);
    }
    waitpid(pid, &status, 0);
    EQUALS(status, 0);
    /* The parent has noticed nothing. */
    WORKS(life_append(&parent));
    WORKS(life_close(&parent));
}

static void *live(void *unused)
{
    (void)unused;
    for (int i = 0; i < 5; i++)
        WORKS(life("stack", codecs[i]));
    return NULL;
}

static void stack(void)
{
    pthread_t thread;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    EQUALS(pthread_attr_setstacksize(&attributes, STACK_SIZE), 0);
    EQUALS(pthread_create(&thread, &attributes, live, NULL), 0);
    pthread_join(thread, NULL);
    pthread_attr_destroy(&attributes);
}

/* With each number of descriptors left, from none: an error or success, and no descriptor lost by it. */
static void descriptors(void)
{
    const struct rlimit limit = {DESCRIPTORS_MAX, DESCRIPTORS_MAX};
    int taken[DESCRIPTORS_MAX], count = 0, fd, failures = 0;
    setrlimit(RLIMIT_NOFILE, &limit);
    WORKS(life("descriptors", "none"));
    while (count < DESCRIPTORS_MAX && (fd = open("/dev/null", O_RDONLY)) >= 0)
        taken[count++] = fd;
    const int all = count;
    for (int left = 0; left < all; left++) {
        const ckafka_err_t err = life("descriptors", "none");
        failures += err != CKAFKA_OK;
        HOLDS(err == CKAFKA_OK || err == CKAFKA_ERR__IO || err == CKAFKA_ERR__NO_MEMORY);
        /* The next free one is the lowest: a descriptor that is lost would be in its place. */
        for (int i = 0; i < left; i++)
            taken[count + i] = open("/dev/null", O_RDONLY);
        for (int i = 0; i < left; i++) {
            HOLDS(taken[count + i] >= 0);
            close(taken[count + i]);
        }
        close(taken[--count]);
    }
    HOLDS(failures > 3);
    WORKS(life("descriptors", "none"));
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } places[] = {{"storm", storm}, {"child", child}, {"stack", stack}, {"descriptors", descriptors}};
    if (argc != 3 || chdir(argv[1]) != 0)
        return 2;
    alarm(HANG_SECONDS);
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        if (strcmp(argv[2], places[i].name) == 0) {
            places[i].run();
            return check_result(places[i].name);
        }
    return 2;
}

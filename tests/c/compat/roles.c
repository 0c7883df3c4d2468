/* roles bodies|core|broken|wake|pace|own|ended: threads of the C-Kafka roles, started, watched, cancelled and joined. */
#include <ckafka_compat.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

typedef void *body_t(void *);

static char orders[] = "orders", hello[] = "hello", unknown[] = "unknown";

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* A clock that stands still while the machine does, or is busy with other things: for what must not take long. */
static atomic_long ticks;

static void *tick(void *unused)
{
    (void)unused;
    for (;;) {
        usleep(5000);
        ticks++;
    }
    return NULL;
}

static double awake(void)
{
    return (double)ticks * 0.005;
}

/* Cancels a thread and joins it; whether that took less than half a second. */
static int ends(pthread_t thread)
{
    void *result = NULL;
    double start = awake();
    pthread_cancel(thread);
    pthread_join(thread, &result);
    return result == PTHREAD_CANCELED && awake() - start < 0.5;
}

/* Waits until so many lines of what this program said have a text in them; how long that took by the clock above. */
static double wait_for_lines(FILE *file, const char *text, int lines)
{
    double start = awake();
    char line[512];
    int found = 0;
    while (found < lines && awake() - start < 20) {
        rewind(file);
        found = 0;
        while (fgets(line, sizeof line, file) != NULL)
            found += strstr(line, text) != NULL;
        usleep(2000);
    }
    return awake() - start;
}

static int bodies(int core)
{
    body_t *all[] = {network_io_thread, log_flush_thread, consumer_thread};
    FILE *file = fopen("out", "r");
    pthread_t threads[3];
    double begun = now(), took = 0;
    int i, failed = 0;
    for (i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, all[i], &core);
    /* Two seconds. */
    took += wait_for_lines(file, "[Net I/O Thread] ", 3);
    took += wait_for_lines(file, "[Log Flush Thread] ", 2);
    took += wait_for_lines(file, "[Consumer Thread] ", 3);
    failed += took > 2.9;
    for (i = 0; i < 3; i++)
        failed += !ends(threads[i]);
    printf("%.0f ms\n", (now() - begun) * 1e3);
    /* The stream is not left locked, nor anything else. */
    log_message(LOG_LEVEL_SYSTEM, "after");
    return failed;
}

static int broken(void)
{
    body_t *all[] = {network_io_thread, log_flush_thread, consumer_thread, consume_messages};
    int i, failed = 0;
    for (i = 0; i < 4; i++) {
        pthread_t thread;
        void *result = &thread;
        pthread_create(&thread, NULL, all[i], NULL);
        pthread_join(thread, &result);
        failed += result != NULL;
    }
    return failed;
}

static int consumer_of(char *topic, int partition)
{
    Broker *broker = create_broker();
    ConsumerArgs args = {NULL, NULL, 0, 4};
    pthread_t thread;
    void *result = &thread;
    add_topic(broker, orders, 2);
    args.broker = broker;
    args.topic_name = topic;
    args.partition_id = partition;
    pthread_create(&thread, NULL, consume_messages, &args);
    pthread_join(thread, &result);
    return result != NULL;
}

static int consuming(const char *what)
{
    Broker *broker = create_broker();
    ConsumerArgs args = {NULL, NULL, 0, 5};
    FILE *file = fopen("out", "r");
    pthread_t thread;
    double took, begun;
    int failed = 0, i;
    add_topic(broker, orders, 1);
    args.broker = broker;
    args.topic_name = orders;
    pthread_create(&thread, NULL, consume_messages, &args);
    usleep(300000);
    if (strcmp(what, "wake") == 0) {
        produce_message(broker, orders, hello);
        took = wait_for_lines(file, "read message", 1);
        failed = took > 0.5;
    } else if (strcmp(what, "pace") == 0) {
        begun = now();
        for (i = 0; i < 3; i++)
            produce_message(broker, orders, hello);
        took = wait_for_lines(file, "read message", 3);
        failed = now() - begun < 1.9 || took > 2.9;
    } else {
        /* As a producer of the program's own does. */
        Partition *partition = &broker->topics[0].partitions[0];
        partition->messages[0] = strdup(hello);
        __atomic_store_n(&partition->count, 1, __ATOMIC_RELEASE);
        took = wait_for_lines(file, "read message", 1);
        failed = took > 1.5;
    }
    if (failed)
        fprintf(stderr, "took %f seconds\n", took);
    return failed + !ends(thread);
}

int main(int argc, char **argv)
{
    const char *part = argc > 1 ? argv[1] : "";
    pthread_t clock;
    pthread_create(&clock, NULL, tick, NULL);
    if (strcmp(part, "bodies") == 0)
        return bodies(0);
    if (strcmp(part, "core") == 0)
        return bodies(9999);
    if (strcmp(part, "broken") == 0)
        return broken();
    if (strcmp(part, "ended") == 0)
        return consumer_of(unknown, 0) + consumer_of(NULL, 0) + consumer_of(orders, 2) + consumer_of(orders, -1);
    return consuming(part);
}

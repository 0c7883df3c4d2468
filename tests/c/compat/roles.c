/* roles bodies|core|broken|wake|pace|own|ended: threads of the C-Kafka roles, started, watched, cancelled and joined. */
#include <ckafka_compat.h>
#include <pthread.h>
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

/* Cancels a thread and joins it; whether that took less than half a second. */
static int ends(pthread_t thread)
{
    void *result = NULL;
    double start = now();
    pthread_cancel(thread);
    pthread_join(thread, &result);
    return result == PTHREAD_CANCELED && now() - start < 0.5;
}

static int bodies(int core)
{
    body_t *all[] = {network_io_thread, log_flush_thread, consumer_thread};
    pthread_t threads[3];
    int i, failed = 0;
    for (i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, all[i], &core);
    usleep(2500000);
    for (i = 0; i < 3; i++)
        failed += !ends(threads[i]);
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

/* Waits until the consumer's file has a line more; how long that took. */
static double wait_for_line(FILE *file, int lines)
{
    double start = now();
    char text[512];
    int found = 0;
    while (found < lines && now() - start < 5) {
        rewind(file);
        found = 0;
        while (fgets(text, sizeof text, file) != NULL)
            found += strstr(text, "read message") != NULL;
        usleep(2000);
    }
    return now() - start;
}

static int consuming(const char *what)
{
    Broker *broker = create_broker();
    ConsumerArgs args = {NULL, NULL, 0, 5};
    FILE *file = fopen("out", "r");
    pthread_t thread;
    double took;
    int failed = 0, i;
    add_topic(broker, orders, 1);
    args.broker = broker;
    args.topic_name = orders;
    pthread_create(&thread, NULL, consume_messages, &args);
    usleep(300000);
    if (strcmp(what, "wake") == 0) {
        produce_message(broker, orders, hello);
        took = wait_for_line(file, 1);
        failed = took > 0.5;
    } else if (strcmp(what, "pace") == 0) {
        for (i = 0; i < 3; i++)
            produce_message(broker, orders, hello);
        took = wait_for_line(file, 3);
        failed = took < 1.9 || took > 2.9;
    } else {
        /* As a producer of the program's own does. */
        Partition *partition = &broker->topics[0].partitions[0];
        partition->messages[0] = strdup(hello);
        __atomic_store_n(&partition->count, 1, __ATOMIC_RELEASE);
        took = wait_for_line(file, 1);
        failed = took > 1.5;
    }
    if (failed)
        fprintf(stderr, "took %f seconds\n", took);
    return failed + !ends(thread);
}

int main(int argc, char **argv)
{
    const char *part = argc > 1 ? argv[1] : "";
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

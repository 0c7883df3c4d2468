/* nothing: every function with NULL for every pointer, and with numbers that make no sense. Ends well if nothing crashed. */
#include <ckafka_compat.h>
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

static int failures;

static void holds(int is_so, const char *what)
{
    if (!is_so) {
        fprintf(stdout, "NOT SO: %s\n", what);
        failures++;
    }
}

#define HOLDS(claim) holds((claim) ? 1 : 0, #claim)

static void topics(void)
{
    static char name[] = "name", empty[] = "", message[] = "message";
    Broker mine = {NULL, 0};
    Broker *broker = create_broker();
    HOLDS(get_topic(NULL, NULL) == NULL);
    HOLDS(get_topic(NULL, name) == NULL);
    HOLDS(get_topic(broker, NULL) == NULL);
    HOLDS(get_topic(&mine, name) == NULL);
    add_topic(NULL, NULL, 1);
    add_topic(NULL, name, 1);
    add_topic(broker, NULL, 1);
    HOLDS(broker->topic_count == 0);
    add_topic(broker, empty, 1);
    HOLDS(get_topic(broker, empty) == broker->topics);
    produce_message(NULL, NULL, NULL);
    produce_message(broker, NULL, message);
    produce_message(broker, empty, NULL);
    HOLDS(broker->topics[0].partitions[0].count == 0);
    /* A broker of the program's own making, as add_topic always took. */
    add_topic(&mine, name, 2);
    add_topic(&mine, message, 3);
    HOLDS(mine.topic_count == 2 && get_topic(&mine, message) == &mine.topics[1]);
    /* A topic that the program has damaged. */
    mine.topics[0].partition_count = 100;
    produce_message(&mine, name, message);
    mine.topics[0].partition_count = 2;
    mine.topics[0].rr_index = -7;
    mine.topics[0].partitions[1].count = INT_MIN;
    produce_message(&mine, name, message);
    HOLDS(mine.topics[0].rr_index >= 0 && mine.topics[0].rr_index < 2);
}

static void memory(void)
{
    static Partition partition;
    static char message[] = "message";
    unsigned char buffer[16];
    unsigned long size = sizeof buffer, huge = ULONG_MAX;
    MemoryPool *pool = pool_create(0, 0);
    HOLDS(pool != NULL && pool_alloc(pool) == NULL);
    pool_free(pool, NULL);
    pool_free(pool, buffer);
    pool_destroy(pool);
    pool_destroy(NULL);
    pool_free(NULL, buffer);
    pool_free(NULL, NULL);
    HOLDS(pool_alloc(NULL) == NULL);
    HOLDS(compress_message(NULL, NULL, NULL, 0) == -1);
    HOLDS(compress_message(NULL, &size, buffer, 1) == -1);
    HOLDS(compress_message(buffer, &size, NULL, 1) == -1);
    HOLDS(decompress_message(NULL, NULL, NULL, 0) == -1);
    HOLDS(decompress_message(buffer, &size, NULL, 5) == -1);
    HOLDS(decompress_message(buffer, &size, buffer, ULONG_MAX) == -1);
    HOLDS(compress_message(buffer, &huge, NULL, 0) == 8 && huge == 8);
    append_message_to_log(NULL, NULL, NULL);
    append_message_to_log(NULL, message, NULL);
    append_message_to_log(&partition, NULL, NULL);
    HOLDS(partition.log_offset == 0);
    append_message_to_log(&partition, message, NULL);
    HOLDS(partition.log_offset == 1);
}

int main(void)
{
    char buffer[4];
    topics();
    memory();
    read_log_with_mmap(NULL);
    errno = 0;
    HOLDS(read_fully(-1, buffer, 4) == -1 && errno == EBADF);
    HOLDS(read_fully(0, NULL, 4) == -1 && errno == EFAULT);
    HOLDS(read_fully(0, buffer, SIZE_MAX) == -1 && errno == EINVAL);
    HOLDS(read_fully(0, NULL, 0) == 0);
    HOLDS(consume_messages(NULL) == NULL);
    HOLDS(network_io_thread(NULL) == NULL && log_flush_thread(NULL) == NULL && consumer_thread(NULL) == NULL);
    bind_thread_to_core(INT_MIN);
    log_message((LogLevel)-1, NULL);
    HOLDS(connect_to_broker(NULL, 80) == -1 && connect_to_broker("", INT_MIN) == -1);
    send_message_to_broker(0, NULL);
    send_message_to_broker(INT_MIN, "x");
    close_broker_connection(INT_MIN);
    close_broker_connection(1000000);
    return failures;
}

/*
 * consume [MESSAGES]
 *
 * Producer and consumers: messages go round robin over the partitions of a topic; a thread for each partition prints
 * what arrives in it, at most one a second. Ends when all have been read.
 */
#include <ckafka_compat.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PARTITION_COUNT 2

int main(int argc, char **argv)
{
    const int message_count = argc > 1 ? atoi(argv[1]) : 4;
    Broker *broker = create_broker();
    pthread_t threads[PARTITION_COUNT];
    ConsumerArgs args[PARTITION_COUNT];

    if (broker == NULL || message_count < 0 || message_count > PARTITION_COUNT * MAX_MESSAGES)
        return 1;
    add_topic(broker, "orders", PARTITION_COUNT);
    produce_message(broker, "refunds", "to nobody"); /* an unknown topic is a line, not a crash */
    for (int i = 0; i < PARTITION_COUNT; i++) {
        args[i] = (ConsumerArgs){.broker = broker, .topic_name = "orders", .partition_id = i, .thread_id = i + 1};
        if (pthread_create(&threads[i], NULL, consume_messages, &args[i]) != 0)
            return 1;
    }
    for (int i = 0; i < message_count; i++) {
        char message[32];
        snprintf(message, sizeof message, "order %d", i); /* the message is copied */
        produce_message(broker, "orders", message);
    }
    /* A message a second and partition. */
    sleep((unsigned)(message_count + PARTITION_COUNT - 1) / PARTITION_COUNT + 1);
    for (int i = 0; i < PARTITION_COUNT; i++) {
        pthread_cancel(threads[i]);
        pthread_join(threads[i], NULL);
    }
    printf("%d messages in %d partitions\n", message_count, get_topic(broker, "orders")->partition_count);
    return 0;
}

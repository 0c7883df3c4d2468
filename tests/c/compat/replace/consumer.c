/* The program's own consumer. */
#include <ckafka_compat.h>
#include <stdio.h>
#include <unistd.h>

void *consume_messages(void *consumer_args)
{
    ConsumerArgs *args = consumer_args;
    Topic *topic = get_topic(args->broker, args->topic_name);
    printf("MINE consume_messages: %s\n", topic->partitions[args->partition_id].messages[0]);
    fflush(stdout);
    for (;;)
        sleep(1);
    return NULL;
}

/* The program's own producer, which tells no consumer that something has come. */
#include <ckafka_compat.h>
#include <stdio.h>
#include <string.h>

void produce_message(Broker *broker, char *topic, char *message)
{
    Topic *found = get_topic(broker, topic);
    Partition *partition = &found->partitions[found->rr_index];
    found->rr_index = (found->rr_index + 1) % found->partition_count;
    partition->messages[partition->count++] = strdup(message);
    printf("MINE produce_message\n");
}

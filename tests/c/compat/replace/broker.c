/* The program's own broker, whose array of topics grows one by one and moves. */
#include <ckafka_compat.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

Broker *create_broker(void)
{
    log_message(LOG_LEVEL_BROKER, "MINE create_broker");
    return calloc(1, sizeof(Broker));
}

Topic *get_topic(Broker *broker, char *name)
{
    int i;
    printf("MINE get_topic\n");
    for (i = 0; i < broker->topic_count; i++)
        if (strcmp(broker->topics[i].name, name) == 0)
            return &broker->topics[i];
    return NULL;
}

void add_topic(Broker *broker, char *name, int partition_count)
{
    Topic *topic;
    broker->topics = realloc(broker->topics, (size_t)(broker->topic_count + 1) * sizeof(Topic));
    topic = &broker->topics[broker->topic_count++];
    memset(topic, 0, sizeof *topic);
    strncpy(topic->name, name, sizeof topic->name - 1);
    topic->partition_count = partition_count;
    printf("MINE add_topic\n");
}

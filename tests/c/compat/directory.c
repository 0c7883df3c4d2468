/* directory: appends through partitions of a topic, and one of nobody's; prints the offsets that they have then. */
#include <ckafka_compat.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char payments[] = "payments", odd[] = "no topic/of ours";
static Partition nobodys, shared;

static void append(Partition *partition, const char *message)
{
    char text[64];
    snprintf(text, sizeof text, "%s", message);
    append_message_to_log(partition, text, NULL);
}

static void *append_often(void *unused)
{
    int i;
    (void)unused;
    for (i = 0; i < 25; i++)
        append(&shared, "shared");
    return NULL;
}

int main(int argc, char **argv)
{
    Broker *broker = create_broker();
    pthread_t threads[8];
    Topic *topic;
    int i, status = 1;
    pid_t child;
    add_topic(broker, payments, 3);
    add_topic(broker, odd, 1);
    topic = get_topic(broker, payments);
    append(&nobodys, "nobody's");
    append(&topic->partitions[2], "second");
    append(&topic->partitions[0], "zeroth");
    append(&topic->partitions[2], "second again");
    append(&get_topic(broker, odd)->partitions[0], "refused");
    printf("%llu %llu %llu %llu\n", nobodys.log_offset, topic->partitions[0].log_offset, topic->partitions[1].log_offset,
           topic->partitions[2].log_offset);
    if (argc > 1 && strcmp(argv[1], "threads") == 0) {
        for (i = 0; i < 8; i++)
            pthread_create(&threads[i], NULL, append_often, NULL);
        for (i = 0; i < 8; i++)
            pthread_join(threads[i], NULL);
        fflush(stdout);
        child = fork();
        if (child == 0) {
            append(&nobodys, "the child's");
            exit(0);
        }
        waitpid(child, &status, 0);
        append(&nobodys, "the parent's");
        printf("%d %llu\n", status, nobodys.log_offset);
    }
    return 0;
}

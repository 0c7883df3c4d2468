/* Uses every module that may be the library's or the program's. What the modules of the program say begins with MINE. */
#include <ckafka_compat.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char log_file[] = "temp/order1/00000000000000000000.log";
static char topic[] = "orders", message[] = "first";
static char long_message[5001];

/* Waits until something has been said, by whatever thread: what is said goes into a file. */
static void wait_for(const char *text)
{
    char line[8192];
    FILE *file = fopen("said", "r");
    int found = 0, i;
    for (i = 0; i < 4000 && !found; i++) {
        usleep(5000);
        rewind(file);
        while (fgets(line, sizeof line, file) != NULL)
            found = found || strstr(line, text) != NULL;
    }
    fclose(file);
    /* Then the thread sleeps. */
    usleep(50000);
}

/* All that was said, to where it was to go. */
static void show(int out)
{
    char bytes[8192];
    size_t size;
    FILE *file = fopen("said", "r");
    fflush(stdout);
    while ((size = fread(bytes, 1, sizeof bytes, file)) > 0)
        if (write(out, bytes, size) != (ssize_t)size)
            return;
    fclose(file);
}

int main(void)
{
    Broker *broker = create_broker();
    MemoryPool *pool = pool_create(64, 2);
    ConsumerArgs args = {broker, topic, 0, 7};
    pthread_t thread;
    Topic *found;
    int core = 0, i, out = dup(1);

    if (freopen("said", "w", stdout) == NULL)
        return 4;
    for (i = 0; i < 5000; i++)
        long_message[i] = (char)(33 + (i * 7919 + i * i) % 90);
    add_topic(broker, topic, 2);
    found = get_topic(broker, topic);
    if (found == NULL || strcmp(found->name, topic) != 0 || found->partition_count != 2)
        return 1;
    produce_message(broker, topic, message);
    if (found->partitions[0].count != 1 || strcmp(found->partitions[0].messages[0], message) != 0)
        return 2;
    append_message_to_log(&found->partitions[0], message, pool);
    append_message_to_log(&found->partitions[0], long_message, pool);
    if (found->partitions[0].log_offset != 2)
        return 3;
    read_log_with_mmap(log_file);
    pthread_create(&thread, NULL, consume_messages, &args);
    wait_for("consume");
    pthread_cancel(thread);
    pthread_join(thread, NULL);
    pthread_create(&thread, NULL, network_io_thread, &core);
    wait_for("bound to core 0");
    pthread_cancel(thread);
    pthread_join(thread, NULL);
    pool_destroy(pool);
    printf("end\n");
    show(out);
    return 0;
}

/* append FILE [BLOCK_SIZE BLOCK_COUNT]: appends each line of FILE as a message, with a pool. append repeat TEXT COUNT
 * THREADS PARTITIONS: so many threads append so often, each to one of the partitions; prints their log_offset. */
#include <ckafka_compat.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static Partition partitions[64];
static MemoryPool *pool;
static char *text;
static int count, partition_count;

static int append_lines(const char *name)
{
    FILE *file = fopen(name, "r");
    char *line = NULL;
    size_t room = 0;
    ssize_t size;
    if (file == NULL)
        return 1;
    while ((size = getline(&line, &room, file)) > 0) {
        if (line[size - 1] == '\n')
            line[size - 1] = '\0';
        append_message_to_log(&partitions[0], line, pool);
    }
    free(line);
    fclose(file);
    return 0;
}

static void *append_often(void *thread)
{
    char message[4096];
    int i;
    for (i = 0; i < count; i++) {
        snprintf(message, sizeof message, "%s-%d-%d", text, *(int *)thread, i);
        append_message_to_log(&partitions[*(int *)thread % partition_count], message, pool);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t threads[64];
    int numbers[64], i;
    int is_repeat = argc == 6 && strcmp(argv[1], "repeat") == 0;
    pool = pool_create(!is_repeat && argc > 3 ? (size_t)atol(argv[2]) : 512, !is_repeat && argc > 3 ? (size_t)atol(argv[3]) : 4);
    partition_count = 1;
    if (!is_repeat) {
        if (append_lines(argv[1]) != 0)
            return 1;
    } else {
        text = argv[2];
        count = atoi(argv[3]);
        partition_count = atoi(argv[5]);
        for (i = 0; i < atoi(argv[4]); i++) {
            numbers[i] = i;
            pthread_create(&threads[i], NULL, append_often, &numbers[i]);
        }
        for (i = 0; i < atoi(argv[4]); i++)
            pthread_join(threads[i], NULL);
    }
    for (i = 0; i < partition_count; i++)
        printf("%llu\n", partitions[i].log_offset);
    pool_destroy(pool);
    return 0;
}

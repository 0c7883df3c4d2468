/* A program with headers of its own for the old interface, as the programs of C-Kafka have them: no const, no void for
 * an empty list, zlib's names for its types, structs without a tag. It includes ckafka.h beside them. */
#include <ckafka.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>

#define MAX_PARTITIONS 8
#define MAX_MESSAGES 100

typedef unsigned char Bytef;
typedef unsigned long uLong, uLongf;
typedef struct MemoryPool MemoryPool;
typedef enum { LOG_LEVEL_SYSTEM, LOG_LEVEL_BROKER, LOG_LEVEL_PRODUCER, LOG_LEVEL_CONSUMER } LogLevel;

typedef struct {
    char *messages[MAX_MESSAGES];
    int count;
    unsigned long long log_offset;
} Partition;

typedef struct {
    char name[64];
    Partition partitions[MAX_PARTITIONS];
    int partition_count;
    int rr_index;
} Topic;

typedef struct {
    Topic *topics;
    int topic_count;
} Broker;

Broker *create_broker(void);
Topic *get_topic(Broker *broker, char *name);
void add_topic(Broker *broker, char *name, int partition_count);
void produce_message(Broker *broker, char *topic, char *message);
void append_message_to_log(Partition *p, char *message, MemoryPool *pool);
void read_log_with_mmap(char *filepath);
long compress_message(Bytef *dest, uLongf *destLen, const Bytef *src, uLong srcLen);
long decompress_message(Bytef *dest, uLongf *destLen, const Bytef *src, uLong srcLen);
void log_message(LogLevel level, const char *format, ...);
MemoryPool *pool_create(size_t block_size, size_t block_count);
void pool_destroy(MemoryPool *pool);

int main(void)
{
    static char orders[] = "orders", hello[] = "hello", log_file[] = "temp/order1/00000000000000000000.log";
    Bytef packed[64], back[64];
    uLongf packed_size = sizeof packed, back_size = sizeof back;
    Broker *broker = create_broker();
    MemoryPool *pool = pool_create(256, 10);
    Topic *topic;
    add_topic(broker, orders, MAX_PARTITIONS);
    produce_message(broker, orders, hello);
    topic = get_topic(broker, orders);
    if (topic->partitions[0].count != 1 || topic->rr_index != 1 || topic->partition_count != 8)
        return 1;
    append_message_to_log(&topic->partitions[7], topic->partitions[0].messages[0], pool);
    if (topic->partitions[7].log_offset != 1)
        return 2;
    if (compress_message(packed, &packed_size, (Bytef *)hello, 5) < 0 ||
        decompress_message(back, &back_size, packed, packed_size) != 5 || memcmp(back, hello, 5) != 0)
        return 3;
    read_log_with_mmap(log_file);
    pool_destroy(pool);
    log_message(LOG_LEVEL_SYSTEM, "beside version %s", ckafka_version_str());
    return 0;
}

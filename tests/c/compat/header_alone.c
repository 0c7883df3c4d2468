/* The header of the C-Kafka interface by itself, twice: its layouts are those that programs were compiled with. */
#include <ckafka_compat.h>
#include <ckafka_compat.h>

typedef char partition_is[sizeof(Partition) == 816 ? 1 : -1];
typedef char topic_is[sizeof(Topic) == 6600 ? 1 : -1];
typedef char broker_is[sizeof(Broker) == 16 ? 1 : -1];
typedef char arguments_are[sizeof(ConsumerArgs) == 24 ? 1 : -1];
typedef char count_is_at[offsetof(Partition, count) == 800 ? 1 : -1];
typedef char offset_is_at[offsetof(Partition, log_offset) == 808 ? 1 : -1];
typedef char partitions_are_at[offsetof(Topic, partitions) == 64 ? 1 : -1];
typedef char partition_count_is_at[offsetof(Topic, partition_count) == 6592 ? 1 : -1];
typedef char rr_index_is_at[offsetof(Topic, rr_index) == 6596 ? 1 : -1];
typedef char topic_count_is_at[offsetof(Broker, topic_count) == 8 ? 1 : -1];
typedef char partition_id_is_at[offsetof(ConsumerArgs, partition_id) == 16 ? 1 : -1];
typedef char thread_id_is_at[offsetof(ConsumerArgs, thread_id) == 20 ? 1 : -1];
typedef char level_is[sizeof(LogLevel) == 4 && LOG_LEVEL_CONSUMER == 3 && LOG_LEVEL_SYSTEM == 0 ? 1 : -1];

int main(void);
int main(void)
{
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 OR MIT
 *
 * ckafka_compat.h - the C-Kafka interface of libckafka, for programs that were written against C-Kafka and have none of
 * its headers at hand. A program that has them includes those instead: the names, types and layouts are the same, so do
 * not include both. It may be included before or after ckafka.h, which declares none of these names.
 *
 * Signatures and layouts are fixed: programs reach into the structs. docs/COMPAT.md has each function beside the new
 * call that does its job, and each deliberate difference.
 */
#ifndef CKAFKA_COMPAT_H
#define CKAFKA_COMPAT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Partitions of a topic, at most. */
#define MAX_PARTITIONS 8
/** Messages of a partition in memory, at most. */
#define MAX_MESSAGES 100

/* C89 and C++98 know no long long, which the layout needs. */
#if defined(__GNUC__)
#  pragma GCC diagnostic push
#  pragma GCC diagnostic ignored "-Wlong-long"
#endif
typedef unsigned long long ckafka_compat_offset_t;
#if defined(__GNUC__)
#  pragma GCC diagnostic pop
#  define CKAFKA_COMPAT_PRINTF __attribute__((format(printf, 2, 3)))
#else
#  define CKAFKA_COMPAT_PRINTF
#endif

/** One partition of a topic. The messages are memory of malloc. */
typedef struct {
    char *messages[MAX_MESSAGES];
    int count;
    ckafka_compat_offset_t log_offset;
} Partition;

/** A topic. Its name has at most 63 bytes. */
typedef struct {
    char name[64];
    Partition partitions[MAX_PARTITIONS];
    int partition_count;
    int rr_index;
} Topic;

/** The topics of a program. Both the broker and its topics are memory of malloc. */
typedef struct {
    Topic *topics;
    int topic_count;
} Broker;

/** What consume_messages() is given. It has to stay valid for as long as the thread runs. */
typedef struct {
    Broker *broker;
    char *topic_name;
    int partition_id;
    int thread_id;
} ConsumerArgs;

/** Who says a line. */
typedef enum {
    LOG_LEVEL_SYSTEM = 0,
    LOG_LEVEL_BROKER = 1,
    LOG_LEVEL_PRODUCER = 2,
    LOG_LEVEL_CONSUMER = 3
} LogLevel;

/** A pool of blocks of one size. */
typedef struct MemoryPool MemoryPool;

/* Append log. */

/**
 * Appends a message to temp/order1/00000000000000000000.log under the working directory, or to the directory that the
 * environment variable CKAFKA_COMPAT_DIR names, and counts p->log_offset up. The record is on disk when the call
 * returns. On failure one line goes to stderr, p->log_offset stays, and the files are as they were. Any thread may call.
 */
void append_message_to_log(Partition *p, char *message, MemoryPool *pool);

/* Reader. */

/** Prints every record of a log file. */
void read_log_with_mmap(char *filepath);

/** Reads until count bytes or the end of the file: the bytes read, or -1. */
ssize_t read_fully(int fd, void *buf, size_t count);

/* Zero copy. */

/**
 * Serves the whole file to every TCP client, many at once, and does not return. Port 0 lets the kernel choose. Exits the
 * process with 1 if it cannot listen.
 */
void start_server(char *filepath, int port);

/* Threads. */

/** Pins the calling thread. */
void bind_thread_to_core(int core_id);

/** Bodies of pthreads: each is given an int, the core to pin itself to, and runs until it is cancelled. */
void *network_io_thread(void *core_id);
void *log_flush_thread(void *core_id);
void *consumer_thread(void *core_id);

/* Broker, producer, consumer. */

/** A broker without topics, or NULL. It has room for 4,096. */
Broker *create_broker(void);

/** The topic, valid for as long as the broker, or NULL. */
Topic *get_topic(Broker *broker, char *name);

/** Adds a topic. Fewer than 1 or more than MAX_PARTITIONS partitions are refused with a line on stderr. */
void add_topic(Broker *broker, char *name, int partition_count);

/** Puts a copy of the message into the topic's next partition. */
void produce_message(Broker *broker, char *topic, char *message);

/**
 * Body of a pthread: is given a ConsumerArgs and prints the messages of its partition, at most one a second, until it
 * is cancelled. Returns NULL if the topic is unknown.
 */
void *consume_messages(void *consumer_args);

/* Compression: Bytef, uLong and uLongf by their own names, so that zlib.h is not needed. */

/** The length of the output, also in *destLen, which is the room in dest before the call; or -1. */
long compress_message(unsigned char *dest, unsigned long *destLen, const unsigned char *src, unsigned long srcLen);
long decompress_message(unsigned char *dest, unsigned long *destLen, const unsigned char *src, unsigned long srcLen);

/* Logger. */

/** Prints one line with its time and level. */
void log_message(LogLevel level, const char *format, ...) CKAFKA_COMPAT_PRINTF;

/* Memory. */

/** A pool, or NULL. The block size is rounded up to 8. */
MemoryPool *pool_create(size_t block_size, size_t block_count);

/** A block, or NULL where none is left. */
void *pool_alloc(MemoryPool *pool);

/** Gives a block back. What is not a block in use is refused with a line on stderr. */
void pool_free(MemoryPool *pool, void *block);

/** Frees the pool and all its blocks. */
void pool_destroy(MemoryPool *pool);

/* Taking an old log over: a call of the new interface (ckafka.h), with its handles and error codes. */

struct ckafka_log_t;

/** ckafka_compat_import: damaged records are left out, and named in the report. */
#define CKAFKA_COMPAT_IMPORT_SKIP_DAMAGED 1

/**
 * Appends the messages of a C-Kafka log to a partition, in order and each as a record with that value, and returns once
 * they are durable. `log` is a handle of ckafka_log_open, `log_path` a .log file, which is only read. Any thread.
 *
 * The partition has to be empty, or to begin with what an earlier call took from the same log: that is compared, not
 * appended again, so a call that was cut short is repeated, and one for a log that has grown appends what is new. Nobody
 * else may append meanwhile.
 *
 * A record's time is that of its line in the .timeindex beside the file; where it has none, that of the record before it;
 * where there is none before it either, that of the file's last change.
 *
 * What an append left torn (it has no line, and reaches into the next record or beyond the file's end) was never
 * acknowledged and is passed over; the report says where. The time index tells where the next record starts. A damaged
 * record is CKAFKA_ERR__CORRUPT, with its position in ckafka_errmsg, and those before it are taken over; with
 * CKAFKA_COMPAT_IMPORT_SKIP_DAMAGED in `flags` it is passed over and reported. Memory is bounded by max.message.bytes,
 * where the topic compresses by 64 MiB: a message that unpacks to more is CKAFKA_ERR_MESSAGE_TOO_LARGE, with its position.
 *
 * `count_out` gets how many records this call appended. `report_out` gets what was done as JSON, for ckafka_free; NULL:
 * no report. Other errors: CKAFKA_ERR__INVALID_ARG (the partition holds something else), and those of ckafka_append_durable.
 */
int32_t ckafka_compat_import(struct ckafka_log_t *log, const char *log_path, uint32_t flags, int64_t *count_out, char **report_out);

/* Client. */

/** A connected socket, or -1. */
int connect_to_broker(const char *ip, int port);

/** Sends the whole message, without its NUL. */
void send_message_to_broker(int sock, const char *msg);

/** Closes the socket. */
void close_broker_connection(int sock);

#ifdef __cplusplus
}
#endif

#endif /* CKAFKA_COMPAT_H */

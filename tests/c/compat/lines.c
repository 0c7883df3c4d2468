/* lines PART: calls whose lines a test compares, a part at a time. */
#include <ckafka_compat.h>
#include <errno.h>
#include <limits.h>
#include <locale.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

static char orders[] = "orders", unknown[] = "unknown", hello[] = "hello";

static void levels(void)
{
    log_message(LOG_LEVEL_SYSTEM, "system");
    log_message(LOG_LEVEL_BROKER, "broker");
    log_message(LOG_LEVEL_PRODUCER, "producer");
    log_message(LOG_LEVEL_CONSUMER, "consumer");
    log_message((LogLevel)77, "no level");
}

/* Each conversion, against the C library's own sprintf of the same arguments: more than the registers hold. */
static void conversions(void)
{
    static const char *gnu_format = "%m and %ls";
    static char long_string[3001], expected[16384];
    memset(long_string, 'x', 3000);
#define FORMAT                                                                                                         \
    "%d %i %u %o %x %X %c %s %p %% %hd %hhd %ld %lld %zu %jd %td %f %F %e %E %g %G %a %A %Lf %Le %Lg %5d|%-5d|%05d "     \
    "%+d % d %#x %.3s %*d %-*s| %.*f"
#define VALUES                                                                                                         \
    -1, INT_MIN, UINT_MAX, 8u, 255u, 255u, 'c', "string", (void *)expected, (short)-3, (signed char)-4, LONG_MIN,        \
        LLONG_MAX, (size_t)-1, (intmax_t)-5, (ptrdiff_t)6, 1.5, 2.5, 1e100, 1e-100, 0.1, 1e20, 0.5, 0.25,                \
        (long double)3.25, (long double)1e300 * (long double)1e300, (long double)0.125, 42, 42, 42, 42, 42, 42u,         \
        "truncated", 6, 7, 4, "ab", 2, 3.14159
    snprintf(expected, sizeof expected, FORMAT, VALUES);
    printf("%s\n", expected);
    log_message(LOG_LEVEL_SYSTEM, FORMAT, VALUES);
    log_message(LOG_LEVEL_SYSTEM, "%s|%d|%Lf|%s", long_string, 1, (long double)2.5, long_string);
    errno = ENOENT;
    log_message(LOG_LEVEL_SYSTEM, gnu_format, L"wide");
    if (errno != ENOENT)
        printf("errno was changed\n");
}

static void interleaved(void)
{
    printf("one ");
    log_message(LOG_LEVEL_SYSTEM, "two");
    printf("three ");
    produce_message(NULL, unknown, hello);
    printf("four\n");
}

static void topics(void)
{
    Broker *broker = create_broker();
    char long_name[100];
    Topic *first;
    int i;
    if (broker == NULL || broker->topic_count != 0 || get_topic(broker, orders) != NULL)
        printf("a new broker has topics\n");
    add_topic(broker, orders, 3);
    first = get_topic(broker, orders);
    if (first != broker->topics || first->rr_index != 0 || first->partitions[7].count != 0)
        printf("a new topic is not zeroed\n");
    for (i = 0; i < 4; i++)
        produce_message(broker, orders, hello);
    produce_message(broker, unknown, hello);
    if (first->partitions[0].count != 2 || first->partitions[1].count != 1 || first->rr_index != 1)
        printf("not round robin\n");
    if (first->partitions[0].messages[0] == hello || strcmp(first->partitions[0].messages[1], hello) != 0)
        printf("the message is not a copy\n");
    free(first->partitions[0].messages[0]);
    memset(long_name, 'n', 99);
    long_name[99] = '\0';
    add_topic(broker, long_name, 8);
    if (strlen(broker->topics[1].name) != 63 || get_topic(broker, long_name) != &broker->topics[1])
        printf("a long name is not cut\n");
    if (get_topic(broker, orders) != first)
        printf("a topic has moved\n");
}

static void full(void)
{
    Broker *broker = create_broker();
    int i;
    add_topic(broker, orders, 2);
    for (i = 0; i < 201; i++)
        produce_message(broker, orders, hello);
    if (broker->topics[0].partitions[0].count != 100 || broker->topics[0].partitions[1].count != 100)
        printf("%d and %d\n", broker->topics[0].partitions[0].count, broker->topics[0].partitions[1].count);
}

static void refused(void)
{
    static const int counts[] = {0, -1, 9, INT_MAX, INT_MIN};
    Broker *broker = create_broker();
    size_t i;
    for (i = 0; i < sizeof counts / sizeof *counts; i++)
        add_topic(broker, orders, counts[i]);
    if (broker->topic_count != 0)
        printf("a topic was added\n");
}

static void many(void)
{
    Broker *broker = create_broker();
    Topic *first = NULL;
    char name[16];
    int i;
    for (i = 0; i < 4097; i++) {
        snprintf(name, sizeof name, "topic-%d", i);
        add_topic(broker, name, 1 + i % 8);
        if (i == 0)
            first = get_topic(broker, name);
    }
    strcpy(name, "topic-0");
    if (broker->topic_count != 4096 || get_topic(broker, name) != first || first != broker->topics)
        printf("topics have moved\n");
    strcpy(name, "topic-4095");
    if (get_topic(broker, name) == NULL || get_topic(broker, name)->partition_count != 8)
        printf("the last topic is missing\n");
}

static void memory(void)
{
    MemoryPool *pool = pool_create(13, 2);
    char *one = pool_alloc(pool), *two = pool_alloc(pool);
    if (one == NULL || two == NULL || pool_alloc(pool) != NULL || (two > one ? two - one : one - two) != 16)
        printf("not two blocks of 16 bytes\n");
    memset(one, 1, 13);
    memset(two, 2, 13);
    pool_free(pool, one);
    pool_free(pool, one);
    pool_free(pool, two + 1);
    pool_free(pool, hello);
    if (pool_alloc(pool) != one || pool_alloc(pool) != NULL)
        printf("a block that came back is not there\n");
    pool_destroy(pool);
    if (pool_create((size_t)-1, 2) != NULL || pool_create((size_t)-9, 1) != NULL || pool_create(8, (size_t)-1) != NULL)
        printf("more memory than there is\n");
}

static void compression(void)
{
    unsigned char out[64], back[64];
    unsigned long size = sizeof out, back_size = sizeof back;
    if (compress_message(out, &size, (unsigned char *)hello, 5) != 13 || size != 13)
        printf("%lu bytes\n", size);
    if (decompress_message(back, &back_size, out, size) != 5 || back_size != 5 || memcmp(back, hello, 5) != 0)
        printf("not the message\n");
    size = 3;
    if (compress_message(out, &size, (unsigned char *)hello, 5) != -1)
        printf("compressed into no room\n");
    back_size = 4;
    size = sizeof out;
    compress_message(out, &size, (unsigned char *)hello, 5);
    if (decompress_message(back, &back_size, out, size) != -1)
        printf("decompressed into no room\n");
    back_size = sizeof back;
    out[6] ^= 0xff;
    if (decompress_message(back, &back_size, out, size) != -1)
        printf("decompressed damage\n");
}

static void client(void)
{
    if (connect_to_broker("127.0.0.1", 1) != -1 || connect_to_broker("no address", 80) != -1)
        printf("connected\n");
    if (connect_to_broker("127.0.0.1", -1) != -1 || connect_to_broker("127.0.0.1", 70000) != -1)
        printf("connected\n");
    send_message_to_broker(-1, hello);
    close_broker_connection(-1);
}

static void cores(void)
{
    bind_thread_to_core(0);
    bind_thread_to_core(-1);
    bind_thread_to_core(INT_MIN);
    bind_thread_to_core(INT_MAX);
    bind_thread_to_core(4095);
    printf("thread %lu\n", (unsigned long)pthread_self());
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*call)(void);
    } parts[] = {{"levels", levels}, {"conversions", conversions}, {"interleaved", interleaved}, {"topics", topics},
                 {"full", full},     {"refused", refused},         {"many", many},               {"memory", memory},
                 {"compression", compression}, {"client", client}, {"cores", cores}};
    size_t i;
    setlocale(LC_ALL, "C.UTF-8");
    for (i = 0; argc == 2 && i < sizeof parts / sizeof *parts; i++)
        if (strcmp(parts[i].name, argv[1]) == 0) {
            parts[i].call();
            return 0;
        }
    return 2;
}

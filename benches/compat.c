/*
 * The old interface beside the original's way.
 *
 * append-bare     what the original did for a record: for each of three files open, write, fsync, close; a mutex around it, without which several threads
 *                 would write into each other
 * append-ckafka   append_message_to_log
 *                 threads, seconds_tenths, size; records on disk in that time
 * log             makes a log of `records` lines of text of about 50 bytes, for the readers
 * read-bare       prints the messages of that log, unpacked before the clock starts
 * read-each       unpacks each by decompress_message, and prints it
 * read-ckafka     read_log_with_mmap
 *                 terminal=1: standard output is a terminal; else a pipe. Somebody reads it to its end
 */
#include "common.h"

#include <ckafka_compat.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <pty.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LOG "temp/order1/00000000000000000000"
#define THREADS_MAX 64
#define MESSAGE_MAX 65536

typedef struct {
    int is_bare;
    size_t size;
    atomic_int *counting, *stopping;
    uint64_t count;
} worker_t;

static MemoryPool *pool;
static Partition partition;
static pthread_mutex_t bare_lock = PTHREAD_MUTEX_INITIALIZER;

/* Opens, writes, syncs and closes; where the write began. */
static off_t bare_put(const char *path, const void *bytes, size_t size)
{
    const int fd = check_sys(open(path, O_WRONLY | O_CREAT | O_APPEND, 0644), path);
    const off_t at = lseek(fd, 0, SEEK_END);
    if (write(fd, bytes, size) != (ssize_t)size)
        die("%s: %s", path, strerror(errno));
    check_sys(fsync(fd), path);
    close(fd);
    return at;
}

static void bare_append(const char *message, size_t size)
{
    unsigned char packed[4 + 2 * MESSAGE_MAX];
    unsigned long packed_size = sizeof packed - 4;
    char line[64];
    if (compress_message(packed + 4, &packed_size, (const unsigned char *)message, size) < 0)
        die("compress_message");
    const uint32_t field = (uint32_t)packed_size;
    memcpy(packed, &field, sizeof field);
    pthread_mutex_lock(&bare_lock);
    const off_t at = bare_put(LOG ".log", packed, 4 + packed_size);
    int length = snprintf(line, sizeof line, "%llu,%lld\n", partition.log_offset++, (long long)at);
    bare_put(LOG ".index", line, (size_t)length);
    length = snprintf(line, sizeof line, "%lld,%lld\n", (long long)time(NULL), (long long)at);
    bare_put(LOG ".timeindex", line, (size_t)length);
    pthread_mutex_unlock(&bare_lock);
}

/* Messages that compress a little, as text does; different ones from call to call. */
static void make_message(char *message, size_t size, uint64_t *random)
{
    for (size_t i = 0; i < size; i++)
        message[i] = (char)('a' + next_random(random) % 16);
    message[size] = '\0';
}

static void *work(void *given)
{
    worker_t *worker = given;
    char message[MESSAGE_MAX + 1];
    uint64_t random = (uint64_t)(uintptr_t)worker | 1;
    make_message(message, worker->size, &random);
    while (!atomic_load_explicit(worker->stopping, memory_order_relaxed)) {
        message[next_random(&random) % worker->size] = 'z';
        if (worker->is_bare)
            bare_append(message, worker->size);
        else
            append_message_to_log(&partition, message, pool);
        if (atomic_load_explicit(worker->counting, memory_order_relaxed))
            worker->count++;
    }
    return NULL;
}

static void append(const args_t *args)
{
    atomic_int counting = 0, stopping = 0;
    pthread_t threads[THREADS_MAX];
    worker_t workers[THREADS_MAX];
    const int count = (int)args_number(args, "threads", 1);
    const size_t size = (size_t)args_number(args, "size", 100);
    if (count < 1 || count > THREADS_MAX || size < 1 || size > MESSAGE_MAX)
        die("threads: 1 to %d, size: 1 to %d", THREADS_MAX, MESSAGE_MAX);
    for (int i = 0; i < count; i++) {
        workers[i] = (worker_t){args_is(args, "append-bare"), size, &counting, &stopping, 0};
        if (pthread_create(&threads[i], NULL, work, &workers[i]))
            die("pthread_create");
    }
    usleep(200000);
    const uint64_t begun = now_ns();
    atomic_store(&counting, 1);
    usleep((useconds_t)args_number(args, "seconds_tenths", 20) * 100000);
    atomic_store(&counting, 0);
    const uint64_t ns = now_ns() - begun;
    atomic_store(&stopping, 1);
    uint64_t records = 0;
    for (int i = 0; i < count; i++) {
        pthread_join(threads[i], NULL);
        records += workers[i].count;
    }
    emit_begin();
    emit_number("records", (double)records);
    emit_number("ns", (double)ns);
    emit_end();
}

/* A log as the original writes it, without its indexes and syncs. */
static void make_log(const args_t *args)
{
    char message[MESSAGE_MAX + 1];
    unsigned char packed[2 * MESSAGE_MAX];
    uint64_t random = 88172645463325252u;
    const long long records = args_number(args, "records", 1000);
    FILE *file = fopen(LOG ".log", "wb");
    if (file == NULL)
        die(LOG ".log: %s", strerror(errno));
    for (long long n = 0; n < records; n++) {
        unsigned long packed_size = sizeof packed;
        const unsigned product = (unsigned)(next_random(&random) % 26), cents = (unsigned)(next_random(&random) % 100000);
        const int size = snprintf(message, MESSAGE_MAX, "Order#%07lld - product %c, %u pieces at %u.%02u", n, 'A' + (char)product,
                                  product / 5 + 1, cents / 100, cents % 100);
        if (compress_message(packed, &packed_size, (unsigned char *)message, (unsigned long)size) < 0)
            die("compress_message");
        const uint32_t field = (uint32_t)packed_size;
        fwrite(&field, sizeof field, 1, file);
        fwrite(packed, 1, packed_size, file);
    }
    if (fclose(file) != 0)
        die(LOG ".log: %s", strerror(errno));
    puts("{}");
}

typedef struct {
    unsigned char *bytes;
    size_t size;
} text_t;

static text_t read_file(const char *path)
{
    text_t text = {NULL, 0};
    FILE *file = fopen(path, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0)
        die("%s: %s", path, strerror(errno));
    text.size = (size_t)ftell(file);
    text.bytes = malloc(text.size);
    rewind(file);
    if (text.bytes == NULL || fread(text.bytes, 1, text.size, file) != text.size)
        die("%s: not read to its end", path);
    fclose(file);
    return text;
}

/* Goes through the log; `into` NULL prints each message, else they are kept there as lines. */
static size_t unpack(const text_t *log, char *into)
{
    static unsigned char message[MESSAGE_MAX + 1];
    size_t at = 0, kept = 0;
    while (at + 4 <= log->size) {
        uint32_t field;
        unsigned long size = MESSAGE_MAX;
        memcpy(&field, log->bytes + at, sizeof field);
        if (decompress_message(message, &size, log->bytes + at + 4, field) < 0)
            die("decompress_message");
        message[size] = '\0';
        if (into == NULL) {
            printf("%s\n", (char *)message);
        } else {
            memcpy(into + kept, message, size);
            into[kept + size] = '\n';
        }
        kept += size + 1;
        at += 4 + field;
    }
    return kept;
}

/* Standard output becomes a terminal or a pipe whose other end is read by a process; `drain` is that process. */
static int redirect(int is_terminal, pid_t *drain)
{
    int ends[2];
    const int kept = check_sys(dup(1), "dup");
    if (is_terminal)
        check_sys(openpty(&ends[0], &ends[1], NULL, NULL, NULL), "openpty");
    else
        check_sys(pipe(ends), "pipe");
    *drain = start_child();
    if (*drain == 0) {
        static char piece[65536];
        close(ends[1]);
        while (read(ends[0], piece, sizeof piece) > 0)
            continue;
        _exit(0);
    }
    check_sys(dup2(ends[1], 1), "dup2");
    close(ends[0]);
    close(ends[1]);
    setvbuf(stdout, NULL, is_terminal ? _IOLBF : _IOFBF, BUFSIZ);
    return kept;
}

static void read_log(const args_t *args)
{
    const text_t log = read_file(LOG ".log");
    char *lines = malloc(1 + (size_t)args_number(args, "records", 1000) * 80);
    const size_t lines_size = lines ? unpack(&log, lines) : 0;
    pid_t drain;
    const int kept = redirect((int)args_number(args, "terminal", 0), &drain);
    const uint64_t begun = now_ns();
    if (args_is(args, "read-ckafka"))
        read_log_with_mmap(LOG ".log");
    else if (args_is(args, "read-each"))
        unpack(&log, NULL);
    else
        for (size_t at = 0; at < lines_size;) {
            const size_t size = (size_t)((char *)memchr(lines + at, '\n', lines_size - at) - (lines + at)) + 1;
            printf("%.*s", (int)size, lines + at);
            at += size;
        }
    fflush(stdout);
    const uint64_t ns = now_ns() - begun;
    check_sys(dup2(kept, 1), "dup2");
    close(kept);
    waitpid(drain, NULL, 0);
    emit_begin();
    emit_number("bytes", (double)lines_size);
    emit_number("ns", (double)ns);
    emit_end();
}

int main(int argc, char **argv)
{
    const args_t args = args_parse(argc, argv);
    check_sys(chdir(args.folder), args.folder);
    if (system("mkdir -p temp/order1") != 0)
        die("mkdir: %s", strerror(errno));
    pool = pool_create(1024, 100);
    if (args_is(&args, "log"))
        make_log(&args);
    else if (strncmp(args.contestant, "append-", 7) == 0)
        append(&args);
    else
        read_log(&args);
    pool_destroy(pool);
    return 0;
}

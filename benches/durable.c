/*
 * Durable appends of one record each from many threads at once, for some seconds.
 *
 * bare    a file of zeroes, mapped: copy under a spin lock, then whoever finds nobody syncing calls fdatasync for all;
 *         the others sleep on a futex until the round that holds their bytes is over
 * ckafka  ckafka_append_durable
 *
 * threads, seconds_tenths, size; durable records of the last seconds are counted, those of the warm-up are not.
 */
#include "common.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#define FRAME_HEADER 70 /* what Kafka's format adds to a record that is alone in its batch */
#define FILE_SIZE (512 * MIB)

typedef struct {
    mapped_t map;
    atomic_int copying, syncing;
    _Atomic uint64_t end, durable;
    uint32_t round;
} bare_t;

typedef struct {
    bare_t *bare;
    bench_log_t *log;
    atomic_int *counting, *stopping;
    uint64_t count;
    size_t size;
} worker_t;

static uint64_t bare_put(bare_t *bare, const unsigned char *value, size_t size)
{
    unsigned char frame[FRAME_HEADER + 4096] = {0};
    memcpy(frame + FRAME_HEADER, value, size);
    uint32_t crc = crc32c(frame + FRAME_HEADER, size);
    memcpy(frame, &crc, sizeof crc);
    while (atomic_exchange_explicit(&bare->copying, 1, memory_order_acquire))
        cpu_relax();
    uint64_t at = atomic_load_explicit(&bare->end, memory_order_relaxed);
    if (at + sizeof frame > bare->map.size)
        die("the file of the bare loop is too small");
    memcpy(bare->map.bytes + at, frame, FRAME_HEADER + size);
    atomic_store(&bare->end, at + FRAME_HEADER + size);
    atomic_store_explicit(&bare->copying, 0, memory_order_release);
    return at + FRAME_HEADER + size;
}

static void bare_wait(bare_t *bare, uint64_t wanted)
{
    while (atomic_load(&bare->durable) < wanted) {
        uint32_t round = __atomic_load_n(&bare->round, __ATOMIC_SEQ_CST);
        if (atomic_exchange(&bare->syncing, 1) == 0) {
            if (atomic_load(&bare->durable) < wanted) {
                uint64_t end = atomic_load(&bare->end);
                check_sys(fdatasync(bare->map.fd), "fdatasync");
                atomic_store(&bare->durable, end);
            }
            atomic_store(&bare->syncing, 0);
            __atomic_add_fetch(&bare->round, 1, __ATOMIC_SEQ_CST);
            futex_wake(&bare->round, INT32_MAX);
        } else if (atomic_load(&bare->durable) < wanted) {
            futex_wait(&bare->round, round);
        }
    }
}

static void *work(void *given)
{
    worker_t *worker = given;
    unsigned char value[4096];
    memset(value, 'v', sizeof value);
    int64_t base;
    ckafka_record_t record = {.value = {value, worker->size}, .ts = -1};
    while (!atomic_load_explicit(worker->stopping, memory_order_relaxed)) {
        if (worker->bare)
            bare_wait(worker->bare, bare_put(worker->bare, value, worker->size));
        else
            check(ckafka_append_durable(worker->log->log, &record, 1, -1, &base), "ckafka_append_durable");
        if (atomic_load_explicit(worker->counting, memory_order_relaxed))
            worker->count++;
    }
    return NULL;
}

/* Runs the threads through a warm-up and the time that counts; the records made durable in that time. */
static uint64_t run(const args_t *args, bare_t *bare, bench_log_t *log, uint64_t *ns)
{
    enum { THREADS_MAX = 256 };
    atomic_int counting = 0, stopping = 0;
    pthread_t threads[THREADS_MAX];
    worker_t workers[THREADS_MAX];
    int count = (int)args_number(args, "threads", 16);
    if (count < 1 || count > THREADS_MAX)
        die("threads: 1 to %d", THREADS_MAX);
    for (int i = 0; i < count; i++) {
        workers[i] = (worker_t){bare, log, &counting, &stopping, 0, (size_t)args_number(args, "size", 100)};
        if (pthread_create(&threads[i], NULL, work, &workers[i]))
            die("pthread_create");
    }
    usleep(400000);
    uint64_t begun = now_ns();
    atomic_store(&counting, 1);
    usleep((useconds_t)args_number(args, "seconds_tenths", 20) * 100000);
    atomic_store(&counting, 0);
    *ns = now_ns() - begun;
    atomic_store(&stopping, 1);
    uint64_t records = 0;
    for (int i = 0; i < count; i++) {
        pthread_join(threads[i], NULL);
        records += workers[i].count;
    }
    return records;
}

int main(int argc, char **argv)
{
    args_t args = args_parse(argc, argv);
    uint64_t records, ns;
    touch_memory((uint64_t)args_number(&args, "touch_mib", 0) * MIB);
    if (args_is(&args, "bare")) {
        bare_t bare = {.map = map_zeroed(args.folder, "frames", FILE_SIZE, FILE_SIZE)};
        check_sys(fsync(bare.map.fd), "fsync");
        records = run(&args, &bare, NULL, &ns);
    } else {
        bench_log_t log = log_open(args.folder, NULL);
        records = run(&args, NULL, &log, &ns);
        log_close(&log);
    }
    emit_begin();
    emit_number("records", (double)records);
    emit_number("ns", (double)ns);
    emit_number("per_second", (double)records * 1e9 / (double)ns);
    emit_end();
    return 0;
}

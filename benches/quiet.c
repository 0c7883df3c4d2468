/*
 * Whether the common path of an append asks anything of the allocator or the kernel.
 *
 * allocations  every allocation of the process is counted, by functions that stand in for the C library's; of each
 *              call it is noted whether it allocated
 * syscalls     for a run under strace: two writes to no file mark where the calls that count begin and end
 *
 * Growth in pieces of a MiB is part of a log's life and asks the kernel: growths and rolls are told beside the counts.
 * calls, batch, size, pretouch
 */
#include "common.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

static atomic_ulong allocations;

/* The names behind malloc's, which glibc exports for such stand-ins. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

static void count(void)
{
    atomic_fetch_add_explicit(&allocations, 1, memory_order_relaxed);
}

void *malloc(size_t size)
{
    count();
    return __libc_malloc(size);
}

void *calloc(size_t number, size_t size)
{
    count();
    return __libc_calloc(number, size);
}

void *realloc(void *old, size_t size)
{
    count();
    return __libc_realloc(old, size);
}

void *memalign(size_t alignment, size_t size)
{
    count();
    return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return memalign(alignment, size);
}

int posix_memalign(void **out, size_t alignment, size_t size)
{
    *out = memalign(alignment, size);
    return *out ? 0 : 12 /* ENOMEM */;
}

static void mark(const char *text)
{
    if (write(-1, text, strlen(text)) >= 0)
        die("a write to no file went well");
}

int main(int argc, char **argv)
{
    args_t args = args_parse(argc, argv);
    uint64_t calls = (uint64_t)args_number(&args, "calls", 100000), batch = (uint64_t)args_number(&args, "batch", 1);
    uint64_t size = (uint64_t)args_number(&args, "size", 100), allocated = 0, allocating = 0;
    bench_log_t log = log_open(args.folder, NULL);
    unsigned char *value = calloc(1, size);
    ckafka_record_t *records = calloc(batch, sizeof *records);
    for (uint64_t i = 0; i < batch; i++)
        records[i] = (ckafka_record_t){.value = {value, size}, .ts = -1};
    int64_t base;
    for (uint64_t i = 0; i < calls; i++)
        check(ckafka_append(log.log, records, batch, &base), "ckafka_append");
    uint64_t growths = log_stat(&log, "growths"), rolls = log_stat(&log, "rolls");
    mark("begin");
    for (uint64_t i = 0; i < calls; i++) {
        unsigned long before = atomic_load_explicit(&allocations, memory_order_relaxed);
        check(ckafka_append(log.log, records, batch, &base), "ckafka_append");
        unsigned long during = atomic_load_explicit(&allocations, memory_order_relaxed) - before;
        allocated += during;
        allocating += during > 0;
    }
    mark("end");
    emit_begin();
    unsigned long seen = atomic_load(&allocations);
    emit_number("calls", (double)calls);
    emit_number("growths", (double)(log_stat(&log, "growths") - growths));
    emit_number("rolls", (double)(log_stat(&log, "rolls") - rolls));
    emit_number("allocations", (double)allocated);
    emit_number("calls_that_allocate", (double)allocating);
    /* That the stand-ins are the ones in use: reading the statistics allocates inside the library. */
    emit_number("counts_the_library", atomic_load(&allocations) > seen);
    emit_end();
    log_close(&log);
    return 0;
}

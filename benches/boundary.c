/*
 * What the C boundary costs a call, beyond what the library does in it, and how soon a program that loads the library
 * by hand has its first record appended.
 *
 * bare     a function of the library that only returns a number: the cost of any call into a shared library
 * handle   ckafka_caps: handle looked up and counted, panic guard, one word read; what it takes more than `bare` is an
 *          upper bound of what the boundary adds to a Rust call
 * single   ckafka_reader_position: the same for a handle of one thread at a time
 * dlopen   from dlopen to the return of the first append; in a folder where it ran before, the topic is there already,
 *          else the disk's syncs of making it are part of the time
 */
#include "common.h"

#include <dlfcn.h>
#include <stdlib.h>

#define CALLS 2000000
#define ROUNDS 9
#define SYMBOL(handle, name) ((__typeof__(&name))(uintptr_t)symbol(handle, #name))

/* Keeps the compiler from drawing conclusions about a value. */
#define USED(value) __asm__ volatile("" : : "r"(value) : "memory")

static uint64_t bare_round(void)
{
    const uint64_t begun = now_ns();
    for (int i = 0; i < CALLS; i++)
        USED(ckafka_abi_version());
    return now_ns() - begun;
}

static uint64_t handle_round(const ckafka_t *directory)
{
    uint64_t bits;
    const uint64_t begun = now_ns();
    for (int i = 0; i < CALLS; i++)
        USED(ckafka_caps(directory, &bits));
    return now_ns() - begun;
}

static uint64_t single_round(const ckafka_reader_t *reader)
{
    int64_t position;
    const uint64_t begun = now_ns();
    for (int i = 0; i < CALLS; i++)
        USED(ckafka_reader_position(reader, &position));
    return now_ns() - begun;
}

static void calls(const args_t *args)
{
    uint64_t rounds[ROUNDS];
    ckafka_reader_t *reader;
    bench_log_t log = log_open(args->folder, NULL);
    check(ckafka_reader_open(log.log, CKAFKA_START_EARLIEST, NULL, &reader), "ckafka_reader_open");
    for (int i = 0; i < ROUNDS; i++)
        rounds[i] = args_is(args, "bare")     ? bare_round()
                    : args_is(args, "handle") ? handle_round(log.directory)
                                              : single_round(reader);
    check(ckafka_reader_close(reader), "ckafka_reader_close");
    log_close(&log);
    emit_begin();
    emit_number("ns", (double)median(rounds, ROUNDS) / CALLS);
    emit_end();
}

static void *symbol(void *handle, const char *name)
{
    void *address = dlsym(handle, name);
    if (!address)
        die("%s: %s", name, dlerror());
    return address;
}

/* `library` is a path that the caller's environment names, so that the program's own link is not taken for it. */
static void first_append(const args_t *args)
{
    const char *library = getenv("CKAFKA_LIBRARY");
    const ckafka_record_t record = {.value = {"first", 5}, .ts = -1};
    ckafka_t *directory;
    ckafka_log_t *log;
    int64_t base;
    if (!library)
        die("CKAFKA_LIBRARY must name the library to load");
    const uint64_t begun = now_ns();
    void *handle = dlmopen(LM_ID_NEWLM, library, RTLD_NOW | RTLD_LOCAL);
    if (!handle)
        die("%s", dlerror());
    ckafka_err_t err = SYMBOL(handle, ckafka_open)(args->folder, NULL, CKAFKA_OPEN_CREATE, &directory);
    if (!err)
        err = SYMBOL(handle, ckafka_topic_create)(directory, TOPIC, 1, NULL);
    if (err == CKAFKA_OK || err == CKAFKA_ERR_TOPIC_ALREADY_EXISTS)
        err = SYMBOL(handle, ckafka_log_open)(directory, TOPIC, 0, &log);
    if (!err)
        err = SYMBOL(handle, ckafka_append)(log, &record, 1, &base);
    const uint64_t ended = now_ns();
    if (err || SYMBOL(handle, ckafka_log_close)(log) || SYMBOL(handle, ckafka_close)(directory))
        die("%s", SYMBOL(handle, ckafka_errmsg)());
    emit_begin();
    emit_number("ms", (double)(ended - begun) * 1e-6);
    emit_end();
}

int main(int argc, char **argv)
{
    args_t args = args_parse(argc, argv);
    pin(0);
    if (args_is(&args, "dlopen"))
        first_append(&args);
    else
        calls(&args);
    return 0;
}

/* A signal handler jumps out of an append that is inside the locked section. What it leaves behind blocks like a stopped owner: the calls of this process are told
 * whose the word is, and none of them hangs. Others go on once this process ends, which the test that runs it sees to.
 *
 * The handler looks at the control page and the files, as docs/FORMAT.md has them, and jumps where it was told to: see `is_there`. */
#include "check.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

enum { TIMEOUT_MS = 400, TIMER_US = 30, PATIENCE_S = 30, HANG_S = 10, VALUE_MAX = 2500000, MAGIC_AT = 16 };

static ckafka_t *dir;
static ckafka_log_t *events;
static const char *data, *place;
static const volatile char *page;
static int folder;
/* The end as this process was told, and how many records are its own. */
static int64_t acknowledged;
static int number;
static sigjmp_buf back;
static volatile sig_atomic_t armed;

static uint32_t word_at(size_t at)
{
    return __atomic_load_n((const volatile uint32_t *)(page + at), __ATOMIC_ACQUIRE) & 0x7fffffff;
}

static int64_t long_at(size_t at)
{
    return __atomic_load_n((const volatile int64_t *)(page + at), __ATOMIC_ACQUIRE);
}

enum { APPEND = 64, PUBLISHED = 128, STATE = 192, OTHER_STATE = 320, GROW = 448 };
/* In a state. */
enum { END = 0, POSITION = 8, BASE = 16 };

/* Whether the segment that begins at an offset is there; its log as a descriptor, or -1. Async-signal-safe, as all that the handler calls. */
static int open_segment(int64_t base)
{
    char name[] = "00000000000000000000.log";
    size_t digit;
    for (digit = 20; digit-- && base; base /= 10)
        name[digit] = (char)('0' + base % 10);
    return openat(folder, name, O_RDONLY | O_CLOEXEC);
}

static int byte_at(int64_t base, int64_t position)
{
    unsigned char byte = 0;
    int log = open_segment(base);
    if (log >= 0) {
        if (pread(log, &byte, 1, position) != 1)
            byte = 0;
        close(log);
    }
    return byte;
}

static int is_missing(const char *name)
{
    return faccessat(folder, name, F_OK, 0) != 0;
}

/* Nothing of the C library's is half done where the signal came at the end of a system call. Its allocator is used in growths and rolls. */
static int is_behind_a_system_call(const void *context)
{
    const ucontext_t *at = context;
#if defined(__x86_64__)
    const unsigned char *next = (const unsigned char *)(uintptr_t)at->uc_mcontext.gregs[REG_RIP];
    return next[-2] == 0x0f && next[-1] == 0x05;
#elif defined(__aarch64__)
    return ((const uint32_t *)at->uc_mcontext.pc)[-1] == 0xd4000001;
#else
    return at != NULL;
#endif
}

/* Where an append is: its batch fills the idle state first, then the bytes behind the end, and then its end is published. */
static int is_there(const void *context)
{
    int appends = word_at(APPEND) != 0, grows = word_at(GROW) != 0, named;
    int64_t published = long_at(PUBLISHED);
    size_t now = long_at(STATE + END) == published ? STATE : OTHER_STATE, idle = STATE + OTHER_STATE - now;
    int64_t from = long_at(now + POSITION), to = long_at(idle + POSITION), base = long_at(now + BASE);
    if (!strcmp(place, "ahead"))
        return grows && !appends && is_behind_a_system_call(context);
    if (!appends || grows != (!strcmp(place, "growth") || !strncmp(place, "roll", 4)))
        return 0;
    if (!strcmp(place, "growth"))
        return is_behind_a_system_call(context);
    if (!strcmp(place, "roll: between the names"))
        return is_missing("ckafka.next-timeindex") && !is_missing("ckafka.next") && is_behind_a_system_call(context);
    if (!strcmp(place, "roll: named")) {
        int next = open_segment(published);
        named = next >= 0 && published != base;
        if (next >= 0)
            close(next);
        return named && is_behind_a_system_call(context);
    }
    /* The records that were there before; what is published beyond them nobody was told of. */
    if (!strcmp(place, "published"))
        return published > acknowledged;
    if (published > acknowledged || long_at(idle + END) != published + 1 || long_at(idle + BASE) != base)
        return 0;
    if (!strcmp(place, "stated"))
        return !byte_at(base, from + MAGIC_AT);
    if (!strcmp(place, "half copied"))
        return byte_at(base, from + MAGIC_AT) && !byte_at(base, to - 2);
    return !strcmp(place, "copied") && byte_at(base, to - 2);
}

static void look(int signal, siginfo_t *info, void *context)
{
    int error = errno;
    (void)signal;
    (void)info;
    if (armed && is_there(context)) {
        armed = 0;
        siglongjmp(back, 1);
    }
    errno = error;
}

static void set_timer(long us)
{
    struct itimerval every = {{0, us}, {0, us}};
    if (setitimer(ITIMER_REAL, &every, NULL))
        exit(2);
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static size_t value_size(void)
{
    /* More than is prepared ahead, so that each append grows; a copy that takes its time; and small ones. */
    return !strcmp(place, "growth") ? VALUE_MAX : !strcmp(place, "half copied") ? 900000 : !strcmp(place, "ahead") ? 50000 : 1000;
}

/* Whose it is and its number come first, by which the test knows each record again. */
static ckafka_err_t append_one(void)
{
    static char value[VALUE_MAX];
    ckafka_record_t record = make_record(NULL, NULL, -1);
    int64_t offset;
    ckafka_err_t err;
    memset(value, 'x', sizeof value);
    value[snprintf(value, 64, "%d %d ", (int)getpid(), number + 1)] = 'x';
    record.value.data = value;
    record.value.len = value_size();
    /* Of the age of the test's own: nothing rolls for the time. */
    record.ts = INT64_C(1700000000000) + number;
    err = ckafka_append(events, &record, 1, &offset);
    if (err == CKAFKA_OK) {
        number++;
        acknowledged = offset + 1;
    }
    return err;
}

static void open_all(void)
{
    ckafka_conf_t *conf = ckafka_conf_new();
    WORKS(ckafka_conf_set(conf, "ckafka.lock.timeout.ms", "400"));
    NEEDS(ckafka_open(data, conf, 0, &dir));
    NEEDS(ckafka_log_open(dir, "events", 0, &events));
    acknowledged = long_at(PUBLISHED);
    ckafka_conf_free(conf);
}

/* Appends until the handler jumps. */
static void append_until_the_jump(void)
{
    volatile double begun = seconds();
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = look;
    action.sa_flags = SA_SIGINFO | SA_RESTART;
    sigaction(SIGALRM, &action, NULL);
    if (!sigsetjmp(back, 1)) {
        set_timer(TIMER_US);
        for (;;) {
            ckafka_err_t err;
            armed = 1;
            err = append_one();
            armed = 0;
            GIVES(err, CKAFKA_OK);
            if (check_failures || seconds() - begun > PATIENCE_S) {
                fprintf(stderr, "%s: not hit after %" PRId64 " appends\n", place, acknowledged);
                exit(1);
            }
        }
    }
    set_timer(0);
}

/* In time, by name, and nothing is appended. What needs no word goes on as long as it needs none. */
static void *appends_time_out(void *unused)
{
    char owner[64];
    size_t held = word_at(APPEND) ? APPEND : GROW;
    uint32_t word = word_at(held);
    int64_t offset;
    double begun;
    ckafka_err_t err;
    ckafka_record_t record = make_record(NULL, "x", -1);
    (void)unused;
    do {
        begun = seconds();
        err = append_one();
    } while (err == CKAFKA_OK);
    GIVES(err, CKAFKA_ERR__TIMED_OUT);
    HOLDS(seconds() - begun >= TIMEOUT_MS / 1e3 && seconds() - begun < TIMEOUT_MS / 1e3 + HANG_S);
    snprintf(owner, sizeof owner, "%s word of ", held == APPEND ? "append" : "grow");
    HOLDS(strstr(ckafka_errmsg(), owner));
    snprintf(owner, sizeof owner, "held by slot %u generation %u", word & 0xff, word >> 8);
    HOLDS(strstr(ckafka_errmsg(), owner));
    if (held == APPEND)
        GIVES(ckafka_append_durable(events, &record, 1, -1, &offset), CKAFKA_ERR__BUSY);
    return NULL;
}

int main(int argc, char **argv)
{
    char path[4096];
    int control;
    int64_t low, end, durable;
    pthread_t other;
    if (argc != 3)
        return 2;
    data = argv[1];
    place = argv[2];
    snprintf(path, sizeof path, "%s/events-0", data);
    folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    control = openat(folder, "ckafka.control", O_RDONLY | O_CLOEXEC);
    page = mmap(NULL, 4096, PROT_READ, MAP_SHARED, control, 0);
    if (folder < 0 || control < 0 || page == MAP_FAILED)
        return 2;
    open_all();
    append_until_the_jump();
    HOLDS(word_at(APPEND) || word_at(GROW));
    end = long_at(PUBLISHED);
    /* Behind the publication the record is there, though nobody was told. */
    EQUALS(end - acknowledged, !strcmp(place, "published") || !strcmp(place, "ahead"));
    number += (int)(end - acknowledged);
    acknowledged = end;
    appends_time_out(NULL);
    if (pthread_create(&other, NULL, appends_time_out, NULL) || pthread_join(other, NULL))
        return 2;
    WORKS(ckafka_watermarks(dir, "events", 0, &low, &end, &durable));
    EQUALS(end, acknowledged);
    /* The call that was left counts as one that goes on: the log is not freed under it, and the directory stays open. */
    WORKS(ckafka_log_close(events));
    GIVES(ckafka_close(dir), CKAFKA_ERR__BUSY);
    if (check_failures)
        return 1;
    printf("jumped %u %d\n", (word_at(APPEND) ? word_at(APPEND) : word_at(GROW)) & 0xff, number);
    fflush(stdout);
    /* Lives until it is told, or killed. */
    while (getchar() != EOF)
        ;
    return 0;
}

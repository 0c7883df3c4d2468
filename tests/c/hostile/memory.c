/*
 * memory FOLDER STEP
 *
 * A life of a log in which the nth allocation by the library fails, for every STEPth n, in a process of its own. It has
 * to end in an error code, or in Rust's own way where its standard library asks for the memory: SIGABRT, after saying
 * so; never in another signal, a hang or a wrong answer. Whatever happened, the next process finds the log whole.
 *
 * For each abort one line says which allocation it was and how far from the library's start its callers are.
 */
#include "life.h"
#include <errno.h>
#include <execinfo.h>
#include <link.h>
#include <signal.h>
#include <sys/wait.h>

#define HANG_SECONDS 30
#define FRAMES_MAX 32

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

static uintptr_t library_begin, library_end;
static _Thread_local int is_inside;
static long until_failure = -1; /* allocations that still succeed; -1: all do */
static long allocations;

/* Whether this allocation, asked for from `caller`, is the one to fail. */
static int fails(const void *caller)
{
    void *frames[FRAMES_MAX];
    const uintptr_t at = (uintptr_t)caller;
    if (is_inside || at < library_begin || at >= library_end)
        return 0;
    allocations++;
    if (until_failure < 0 || until_failure-- > 0)
        return 0;
    is_inside = 1;
    const int count = backtrace(frames, FRAMES_MAX);
    fprintf(stderr, "callers");
    for (int i = 0; i < count; i++)
        if ((uintptr_t)frames[i] >= library_begin && (uintptr_t)frames[i] < library_end)
            fprintf(stderr, " 0x%zx", (size_t)((uintptr_t)frames[i] - library_begin - 1));
    fprintf(stderr, "\n");
    is_inside = 0;
    until_failure = -1;
    errno = ENOMEM;
    return 1;
}

void *malloc(size_t size)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_realloc(memory, size);
}

int posix_memalign(void **memory, size_t alignment, size_t size)
{
    if (fails(__builtin_return_address(0)))
        return ENOMEM;
    *memory = __libc_memalign(alignment, size);
    return *memory ? 0 : ENOMEM;
}

static int find_library(struct dl_phdr_info *info, size_t size, void *unused)
{
    (void)size;
    (void)unused;
    if (!strstr(info->dlpi_name, "libckafka"))
        return 0;
    library_begin = info->dlpi_addr;
    for (int i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_LOAD)
            library_end = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr + info->dlpi_phdr[i].p_memsz;
    return 1;
}

/* How a life with the nth allocation failing ended. */
static int run(long nth, const char *path)
{
    int status = 0;
    fflush(stdout);
    const pid_t pid = fork();
    if (pid == 0) {
        alarm(HANG_SECONDS);
        until_failure = nth;
        const ckafka_err_t err = life(path, "none");
        /* An error names itself; the life that met no failure is the last. */
        _exit(err ? 3 : until_failure == -1 ? 4 : 0);
    }
    waitpid(pid, &status, 0);
    return status;
}

int main(int argc, char **argv)
{
    long nth = 0, aborted = 0, refused = 0, unharmed = 0;
    void *frames[1];
    const long step = argc == 3 ? atol(argv[2]) : 0;
    if (step < 1 || chdir(argv[1]) != 0)
        return 2;
    backtrace(frames, 1); /* it loads a library at its first use */
    dl_iterate_phdr(find_library, NULL);
    HOLDS(library_begin);
    NEEDS(life("data", "none"));
    for (;; nth += step) {
        fprintf(stderr, "allocation %ld\n", nth);
        const int status = run(nth, "data");
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
            break;
        aborted += WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
        refused += WIFEXITED(status) && WEXITSTATUS(status) == 3;
        unharmed += WIFEXITED(status) && WEXITSTATUS(status) == 4;
        if (WIFEXITED(status) ? WEXITSTATUS(status) < 3 : WTERMSIG(status) != SIGABRT) {
            check_failures++;
            fprintf(stderr, "allocation %ld: status %d\n", nth, status);
        }
        if (nth % (25 * step) == 0)
            WORKS(life("data", "none"));
    }
    WORKS(life("data", "none"));
    printf("%ld allocations, %ld aborts, %ld errors, %ld without effect\n", nth, aborted, refused, unharmed);
    return check_result("memory");
}

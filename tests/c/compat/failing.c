/* failing write|short|sync N COUNT [THREADS]: appends COUNT messages (each of THREADS does); the N-th pwrite, or the N-th
 * fdatasync and no other, fails. "short" has half of the bytes written first. Prints log_offset after each message where
 * there is one thread, and how many syncs there were. The library's calls reach these functions as those of the C library. */
#include <ckafka_compat.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char *what;
static long at;
static int message_count, thread_count;
static atomic_long writes, syncs;
static Partition partition;

ssize_t pwrite(int fd, const void *buf, size_t size, off_t position)
{
    long number = ++writes;
    if (strcmp(what, "short") == 0 && number == at && size > 1)
        return syscall(SYS_pwrite64, fd, buf, size / 2, position);
    if ((strcmp(what, "write") == 0 && number == at) || (strcmp(what, "short") == 0 && number == at + 1)) {
        errno = ENOSPC;
        return -1;
    }
    return syscall(SYS_pwrite64, fd, buf, size, position);
}

ssize_t pwrite64(int fd, const void *buf, size_t size, off_t position);
ssize_t pwrite64(int fd, const void *buf, size_t size, off_t position)
{
    return pwrite(fd, buf, size, position);
}

int fdatasync(int fd)
{
    if (++syncs == at && strcmp(what, "sync") == 0) {
        errno = EIO;
        return -1;
    }
    /* As a disk does that takes its time, also where the files lie in memory: others wait meanwhile. */
    usleep(1000);
    return (int)syscall(SYS_fdatasync, fd);
}

static void *append(void *thread)
{
    char message[64];
    int i;
    for (i = 0; i < message_count; i++) {
        snprintf(message, sizeof message, "message-%d-%d", *(int *)thread, i);
        append_message_to_log(&partition, message, NULL);
        if (thread_count == 1)
            printf("%llu\n", partition.log_offset);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t threads[64];
    int numbers[64], i;
    what = argv[1];
    at = atol(argv[2]);
    message_count = atoi(argv[3]);
    thread_count = argc > 4 ? atoi(argv[4]) : 1;
    for (i = 0; i < thread_count; i++) {
        numbers[i] = i;
        pthread_create(&threads[i], NULL, append, &numbers[i]);
    }
    for (i = 0; i < thread_count; i++)
        pthread_join(threads[i], NULL);
    printf("%llu %ld\n", partition.log_offset, (long)syncs);
    return 0;
}

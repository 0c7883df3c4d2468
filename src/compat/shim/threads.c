/* Bodies of threads that a program cancels. A cancelled thread is unwound from within the call that it sleeps in, which
 * only frames of C may be: so the loops and the sleeps are here, and what they do in between is Rust with cancellation
 * held back. */
#include "shim.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Raised with every message that the library's own producer puts somewhere. */
static pthread_mutex_t arrivals_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t arrivals_moved;
static pthread_once_t arrivals_once = PTHREAD_ONCE_INIT;
static unsigned long arrivals;
static unsigned long arrivals_waiters;

static void sleep_for(time_t seconds)
{
    struct timespec left = {0, 0};
    left.tv_sec = seconds;
    while (nanosleep(&left, &left) == -1 && errno == EINTR)
        ;
}

static void say(const char *line)
{
    ckafka_shim_print(line, strlen(line), 1);
}

/* Pins the thread of a role; whether there is a core to pin it to. */
static int pin(const char *role, const void *core_id)
{
    int core, before;
    char line[80];
    if (core_id == NULL) {
        snprintf(line, sizeof line, "%s: no core was given\n", role);
        ckafka_shim_complain(line, strlen(line));
        return 0;
    }
    memcpy(&core, core_id, sizeof core);
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
    bind_thread_to_core(core);
    pthread_setcancelstate(before, NULL);
    return 1;
}

void *ckafka_shim_network(void *core_id)
{
    if (!pin("network_io_thread", core_id))
        return NULL;
    for (;;) {
        say("[Net I/O Thread] simulating async socket I/O\n");
        sleep_for(1);
    }
}

static void log_flush_entry(void)
{
    char line[64];
    int before, file;
    size_t size;
    ssize_t written;

    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
    file = open("logs.txt", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    size = (size_t)snprintf(line, sizeof line, "Log flush entry #0 at time %lld\n", (long long)time(NULL));
    if (file == -1) {
        ckafka_shim_perror("logs.txt", errno);
    } else {
        do
            written = write(file, line, size);
        while (written == -1 && errno == EINTR);
        if (written != (ssize_t)size)
            ckafka_shim_perror("logs.txt", written == -1 ? errno : ENOSPC);
        close(file);
    }
    pthread_setcancelstate(before, NULL);
}

void *ckafka_shim_flush(void *core_id)
{
    if (!pin("log_flush_thread", core_id))
        return NULL;
    for (;;) {
        say("[Log Flush Thread] moving data to disk after sleep(2)\n");
        log_flush_entry();
        sleep_for(2);
    }
}

void *ckafka_shim_consumer(void *core_id)
{
    if (!pin("consumer_thread", core_id))
        return NULL;
    for (;;) {
        say("[Consumer Thread] consuming messages from partition\n");
        sleep_for(1);
    }
}

/* Waits are by the clock that nobody sets. */
static void init_arrivals(void)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&arrivals_moved, &attributes);
    pthread_condattr_destroy(&attributes);
}

void ckafka_shim_arrived(void)
{
    pthread_once(&arrivals_once, init_arrivals);
    pthread_mutex_lock(&arrivals_lock);
    arrivals++;
    if (arrivals_waiters > 0)
        pthread_cond_broadcast(&arrivals_moved);
    pthread_mutex_unlock(&arrivals_lock);
}

static unsigned long arrivals_now(void)
{
    unsigned long now;
    pthread_mutex_lock(&arrivals_lock);
    now = arrivals;
    pthread_mutex_unlock(&arrivals_lock);
    return now;
}

static void leave_arrivals(void *unused)
{
    (void)unused;
    arrivals_waiters--;
    pthread_mutex_unlock(&arrivals_lock);
}

/* Waits until something has arrived since `seen`, or a second is over: a producer of the program's own tells nobody. */
static void wait_for_arrival(unsigned long seen)
{
    struct timespec limit;
    clock_gettime(CLOCK_MONOTONIC, &limit);
    limit.tv_sec += 1;
    pthread_mutex_lock(&arrivals_lock);
    arrivals_waiters++;
    pthread_cleanup_push(leave_arrivals, NULL);
    while (arrivals == seen && pthread_cond_timedwait(&arrivals_moved, &arrivals_lock, &limit) != ETIMEDOUT)
        ;
    pthread_cleanup_pop(1);
}

/* Looks for the next message again and again: `look` prints one and gives 1, finds none and gives 0, or gives -1. */
void *ckafka_shim_consume(void *args, int (*look)(void *args, int *next))
{
    int next = -1;
    pthread_once(&arrivals_once, init_arrivals);
    for (;;) {
        unsigned long seen = arrivals_now();
        int found = look(args, &next);
        if (found < 0)
            return NULL;
        if (found > 0)
            sleep_for(1);
        else
            wait_for_arrival(seen);
    }
}

static void serve(void *server, int descriptor, int (*turn)(void *server))
{
    int timeout = 0;
    for (;;) {
        struct pollfd entry;
        entry.fd = descriptor;
        entry.events = POLLIN;
        entry.revents = 0;
        poll(&entry, 1, timeout);
        timeout = turn(server);
    }
}

/* Lets a server take its turn whenever its descriptor is readable, or the time is over that its last turn gave, in ms. */
void ckafka_shim_serve(void *server, int descriptor, int (*turn)(void *server), void (*end)(void *server))
{
    pthread_cleanup_push(end, server);
    serve(server, descriptor, turn);
    pthread_cleanup_pop(1);
}

/*
 * threads [SECONDS]
 *
 * Thread core: the three roles as pthreads, each bound to a core of its own while there are enough, cancelled and
 * joined after some seconds. The flush thread appends a line to logs.txt in the working directory every other second.
 */
#include <ckafka_compat.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROLE_COUNT 3

/* The cores that this process may use, as many as there are roles, from the first again where there are fewer. */
static void choose_cores(int cores[ROLE_COUNT])
{
    cpu_set_t allowed;
    int found = 0;
    CPU_ZERO(&allowed);
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0)
        perror("sched_getaffinity");
    for (size_t core = 0; core < CPU_SETSIZE && found < ROLE_COUNT; core++)
        if (CPU_ISSET(core, &allowed))
            cores[found++] = (int)core;
    for (int role = found; role < ROLE_COUNT; role++)
        cores[role] = found > 0 ? cores[role % found] : 0;
}

int main(int argc, char **argv)
{
    void *(*const roles[ROLE_COUNT])(void *) = {network_io_thread, log_flush_thread, consumer_thread};
    pthread_t threads[ROLE_COUNT];
    int cores[ROLE_COUNT];
    const int seconds = argc > 1 ? atoi(argv[1]) : 3;

    setvbuf(stdout, NULL, _IOLBF, 0);
    choose_cores(cores);
    bind_thread_to_core(cores[0]);
    for (int role = 0; role < ROLE_COUNT; role++) {
        const int err = pthread_create(&threads[role], NULL, roles[role], &cores[role]);
        if (err != 0) {
            fprintf(stderr, "pthread_create: %s\n", strerror(err));
            return 1;
        }
    }
    sleep((unsigned)seconds);
    for (int role = 0; role < ROLE_COUNT; role++)
        pthread_cancel(threads[role]);
    for (int role = 0; role < ROLE_COUNT; role++)
        pthread_join(threads[role], NULL);
    printf("%d threads joined\n", ROLE_COUNT);
    return 0;
}

/* serve FILE PORT: the server. serve cancel FILE: starts it on a thread, which is cancelled, twice. */
#include <ckafka_compat.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void *serve(void *file)
{
    start_server(file, 0);
    return NULL;
}

/* What the server says comes through here, so that it is known when it listens. */
static int cancel_twice(char *file)
{
    char line[256];
    int pipes[2], i, out = dup(1);
    FILE *lines;
    if (pipe(pipes) != 0 || dup2(pipes[1], 1) != 1 || (lines = fdopen(pipes[0], "r")) == NULL)
        return 1;
    for (i = 0; i < 2; i++) {
        pthread_t thread;
        void *result = NULL;
        pthread_create(&thread, NULL, serve, file);
        if (fgets(line, sizeof line, lines) == NULL)
            return 1;
        dprintf(out, "%s", line);
        /* Then it falls asleep. */
        usleep(100000);
        pthread_cancel(thread);
        pthread_join(thread, &result);
        if (result != PTHREAD_CANCELED)
            return 1;
    }
    dprintf(out, "cancelled\n");
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "cancel") == 0)
        return cancel_twice(argv[2]);
    start_server(strcmp(argv[1], "NULL") == 0 ? NULL : argv[1], atoi(argv[2]));
    return 2;
}

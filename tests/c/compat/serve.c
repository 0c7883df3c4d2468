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

int main(int argc, char **argv)
{
    int i;
    if (argc == 3 && strcmp(argv[1], "cancel") == 0) {
        for (i = 0; i < 2; i++) {
            pthread_t thread;
            void *result = NULL;
            pthread_create(&thread, NULL, serve, argv[2]);
            usleep(200000);
            pthread_cancel(thread);
            pthread_join(thread, &result);
            if (result != PTHREAD_CANCELED)
                return 1;
        }
        printf("cancelled\n");
        return 0;
    }
    start_server(strcmp(argv[1], "NULL") == 0 ? NULL : argv[1], atoi(argv[2]));
    return 2;
}

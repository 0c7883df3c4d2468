/*
 * broker PORT [MESSAGES]
 *
 * The broker program: takes one message a connection, "PRODUCE <topic> <message>", keeps it in memory for consumers
 * and appends it to the log. Its own here, as in the original, are main and handle_client. PORT 0 is the kernel's
 * choice, which is in the first line. Ends after MESSAGES connections, without it when it is killed. client.c sends.
 */
#include <arpa/inet.h>
#include <ckafka_compat.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MESSAGE_SIZE 1024

static Broker *broker;
static MemoryPool *pool;

/* A pthread for each connection; it owns the number that it is given. */
static void *handle_client(void *int_ptr)
{
    const int sock = *(int *)int_ptr;
    char text[MESSAGE_SIZE];
    const ssize_t size = read_fully(sock, text, sizeof text - 1); /* until the sender closes */
    char *rest = NULL;

    free(int_ptr);
    close(sock);
    text[size > 0 ? size : 0] = '\0';
    const char *verb = strtok_r(text, " ", &rest);
    char *name = strtok_r(NULL, " ", &rest);
    if (verb == NULL || strcmp(verb, "PRODUCE") != 0 || name == NULL || rest == NULL || *rest == '\0') {
        log_message(LOG_LEVEL_BROKER, "ERROR: expected PRODUCE <topic> <message>.");
        return NULL;
    }
    produce_message(broker, name, rest);
    Topic *topic = get_topic(broker, name);
    if (topic != NULL)
        append_message_to_log(&topic->partitions[0], rest, pool);
    return NULL;
}

static int listen_on(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    const int yes = 1, sock = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address.sin_port = htons((uint16_t)port);
    if (sock < 0 || setsockopt(sock, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
        bind(sock, (const struct sockaddr *)&address, size) != 0 || listen(sock, 64) != 0 ||
        getsockname(sock, (struct sockaddr *)&address, &size) != 0) {
        perror("broker");
        exit(1);
    }
    log_message(LOG_LEVEL_SYSTEM, "Broker listening at port %d.", ntohs(address.sin_port));
    return sock;
}

int main(int argc, char **argv)
{
    const int port = argc > 1 ? atoi(argv[1]) : 8080;
    const long message_count = argc > 2 ? atol(argv[2]) : -1;
    broker = create_broker();
    pool = pool_create(MESSAGE_SIZE, 100);
    if (broker == NULL || pool == NULL)
        return 1;
    add_topic(broker, "orders", 4);
    const int listener = listen_on(port);
    for (long taken = 0; taken != message_count; taken++) {
        pthread_t thread;
        int *sock = malloc(sizeof *sock);
        if (sock == NULL || (*sock = accept(listener, NULL, NULL)) < 0) {
            perror("accept");
            free(sock);
            return 1;
        }
        if (pthread_create(&thread, NULL, handle_client, sock) != 0) {
            close(*sock);
            free(sock);
        } else if (message_count < 0) {
            pthread_detach(thread);
        } else {
            pthread_join(thread, NULL);
        }
    }
    pool_destroy(pool);
    return 0;
}

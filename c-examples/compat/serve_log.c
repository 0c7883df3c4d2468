/*
 * serve_log FILE PORT
 *
 * What serve.c does, by the library's own interface: FILE is DIRECTORY/TOPIC-PARTITION/OFFSET.log, a segment of a log,
 * and everybody who connects gets that log from there on, with the same lines printed. One thread serves all clients at
 * once from the page cache, and what is sent is whole and published, also while others append. At a second port clients
 * ask for where to start: a line with an offset; they get the log from the batch that holds it. PORT 0 is the kernel's
 * choice for both, otherwise the second is PORT + 1; this machine alone can connect. Ends when it is killed.
 */
#include <arpa/inet.h>
#include <ckafka.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define TURN_SIZE (256 * 1024) /* what one client gets before the next has its turn */

typedef struct {
    int fd;
    ckafka_sender_t *sender; /* NULL until it is known where to start */
    uint64_t size;           /* bytes that have gone */
    char request[24];        /* a line with an offset */
    size_t request_size;
} client_t;

typedef struct {
    const char *file;
    ckafka_log_t *log;
    int64_t base_offset;
    int queue, whole, asked; /* epoll and the two listening sockets */
    int is_full;             /* out of descriptors: nobody is accepted until a client has gone */
} server_t;

static int must(int result, const char *what)
{
    if (result < 0) {
        perror(what);
        exit(1);
    }
    return result;
}

/* Opens the partition that the path of a segment names, for reading: nothing in the directory changes. */
static void open_log(server_t *server, const char *file)
{
    ckafka_t *directory;
    char *path = realpath(file, NULL), *name = path ? strrchr(path, '/') : NULL;
    char *folder = name ? memrchr(path, '/', (size_t)(name - path)) : NULL;
    char *dash = folder ? memrchr(folder, '-', (size_t)(name - folder)) : NULL;
    if (dash == NULL) {
        fprintf(stderr, "%s: expected the path of a segment, DIRECTORY/TOPIC-PARTITION/OFFSET.log\n", file);
        exit(1);
    }
    *folder = *dash = *name = '\0';
    server->file = file;
    server->base_offset = strtoll(name + 1, NULL, 10);
    if (ckafka_open(*path ? path : "/", NULL, CKAFKA_OPEN_RDONLY, &directory) != CKAFKA_OK ||
        ckafka_log_open(directory, folder + 1, (int32_t)strtol(dash + 1, NULL, 10), &server->log) != CKAFKA_OK) {
        fprintf(stderr, "%s\n", ckafka_errmsg());
        exit(1);
    }
    free(path);
}

static void watch(const server_t *server, int operation, int fd, uint32_t events, const void *who)
{
    struct epoll_event event = {.events = events, .data.ptr = (void *)who};
    must(epoll_ctl(server->queue, operation, fd, &event), "epoll_ctl");
}

static void watch_listeners(server_t *server, uint32_t events)
{
    server->is_full = !events;
    watch(server, EPOLL_CTL_MOD, server->whole, events, &server->whole);
    watch(server, EPOLL_CTL_MOD, server->asked, events, &server->asked);
}

static int listen_at(const server_t *server, int port, const int *who, const char *what)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    const int yes = 1, fd = must(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket");
    address.sin_port = htons((uint16_t)port);
    must(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes), "setsockopt");
    must(bind(fd, (const struct sockaddr *)&address, size), "bind");
    must(listen(fd, SOMAXCONN), "listen");
    must(getsockname(fd, (struct sockaddr *)&address, &size), "getsockname");
    watch(server, EPOLL_CTL_ADD, fd, EPOLLIN, who);
    printf("%s Port %d\n", what, ntohs(address.sin_port));
    return fd;
}

static void finish(server_t *server, client_t *client)
{
    char rest[256];
    ckafka_sender_close(client->sender); /* refuses NULL */
    /* What a client said beyond its request would turn the close into a reset, which takes back what was sent. */
    while (recv(client->fd, rest, sizeof rest, MSG_DONTWAIT) > 0)
        continue;
    close(client->fd);
    free(client);
    if (server->is_full)
        watch_listeners(server, EPOLLIN);
}

static void start(server_t *server, client_t *client, int64_t offset)
{
    if (ckafka_sender_open(server->log, offset, &client->sender) != CKAFKA_OK) {
        fprintf(stderr, "%s\n", ckafka_errmsg());
        finish(server, client);
        return;
    }
    printf("Client connected, sending the file %s\n", server->file);
    watch(server, EPOLL_CTL_MOD, client->fd, EPOLLOUT, client);
}

static void accept_client(server_t *server, const int *listener)
{
    const int fd = accept4(*listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    client_t *client = fd < 0 ? NULL : calloc(1, sizeof *client);
    if (client != NULL) {
        client->fd = fd;
        watch(server, EPOLL_CTL_ADD, fd, EPOLLIN, client);
        if (listener == &server->whole)
            start(server, client, server->base_offset);
    } else if (fd >= 0) {
        close(fd);
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        perror("accept");
        watch_listeners(server, 0);
    } /* anything else is the client's loss: it is gone already */
}

/* Takes what there is of the line with the offset. */
static void hear(server_t *server, client_t *client)
{
    char *end, *into = client->request + client->request_size;
    const ssize_t size = recv(client->fd, into, sizeof client->request - client->request_size, 0);
    client->request_size += size > 0 ? (size_t)size : 0;
    char *line_end = memchr(client->request, '\n', client->request_size);
    if (line_end == NULL && size > 0 && client->request_size < sizeof client->request)
        return;
    if (line_end != NULL)
        *line_end = '\0';
    const long long offset = line_end ? strtoll(client->request, &end, 10) : -1;
    if (offset < 0 || end != line_end || end == client->request)
        fprintf(stderr, "a client left, or asked for no offset\n"), finish(server, client);
    else
        start(server, client, offset);
}

/* Gives a client whose socket has room its turn. */
static void send_some(server_t *server, client_t *client)
{
    uint64_t sent = 0;
    const ckafka_err_t err = ckafka_send(client->sender, client->fd, TURN_SIZE, 0, &sent);
    client->size += sent; /* written also when the socket was full */
    if (err == CKAFKA_OK && sent == 0) {
        printf("Sent %" PRIu64 " bytes from %s using zero-copy\n", client->size, server->file);
        finish(server, client);
    } else if (err != CKAFKA_OK && err != CKAFKA_ERR__AGAIN && err != CKAFKA_ERR__INTERRUPTED) {
        /* It hung up, or the disk failed; the others go on. */
        fprintf(stderr, "sendfile: %s\n", err == CKAFKA_ERR__CLOSED ? strerror(EPIPE) : ckafka_errmsg());
        finish(server, client);
    }
}

int main(int argc, char **argv)
{
    server_t server = {0};
    struct epoll_event events[64];
    const int port = argc == 3 ? atoi(argv[2]) : -1;
    if (port < 0 || port > 65534) {
        fprintf(stderr, "usage: serve_log FILE PORT\n");
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    open_log(&server, argv[1]);
    server.queue = must(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
    server.whole = listen_at(&server, port, &server.whole, "Server Listening at");
    server.asked = listen_at(&server, port ? port + 1 : 0, &server.asked, "Offsets at");
    for (;;) {
        const int ready = epoll_wait(server.queue, events, 64, -1);
        if (ready < 0 && errno != EINTR)
            must(ready, "epoll_wait");
        for (int i = 0; i < ready; i++) {
            void *who = events[i].data.ptr;
            if (who == &server.whole || who == &server.asked)
                accept_client(&server, who);
            else
                (((client_t *)who)->sender ? send_some : hear)(&server, who);
        }
    }
}

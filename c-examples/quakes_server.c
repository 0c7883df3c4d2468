/*
 * quakes_server DIRECTORY CLIENTS
 *
 * Shows how a log leaves through sockets without passing through the program: a server on a loopback port of the
 * kernel's choice sends the whole log to as many clients as it is told, all at once, and ends.
 *
 * Three threads, each bound to a core of its own (from the first again where there are fewer):
 *   network   epoll and ckafka_send. A socket that is full takes what it can, in the middle of a batch if need be; the
 *             sender remembers the byte, so one slow client holds up nobody. Who has got everything is noted in the
 *             topic "deliveries", without waiting for the disk.
 *   flush     the library's own thread, brings those notes to disk off the network's way.
 *   consumer  reads the notes as they appear (deliveries.c).
 */
#include "deliveries.h"
#include "examples_common.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ROLE_NETWORK, ROLE_FLUSH, ROLE_CONSUMER };

#define TURN_SIZE (256 * 1024)          /* what one client gets before the next has its turn */
#define SOCKET_BUFFER_SIZE (128 * 1024) /* less than the log, so that a slow client is noticed */
#define QUIET_TIMEOUT_MS 30000
#define CLIENTS_MAX 64

typedef struct {
    int number, fd;
    ckafka_sender_t *sender;
    uint64_t size;                              /* bytes that have gone */
    unsigned pause_count, pause_count_in_batch; /* how often the socket was full */
} client_t;

typedef struct {
    int listener, poll;
    ckafka_log_t *log;
    deliveries_t deliveries;
    client_t clients[CLIENTS_MAX];
    int client_count, served_count, left_count;
    uint64_t size;
    double seconds; /* spent in ckafka_send */
} server_t;

static void watch(const server_t *server, int fd, uint32_t events, client_t *client)
{
    struct epoll_event event = {.events = events, .data.ptr = client};
    check_sys(epoll_ctl(server->poll, EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
}

static void listen_on_loopback(server_t *server)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof address;
    server->poll = check_sys(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
    server->listener = check_sys(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket");
    check_sys(bind(server->listener, (const struct sockaddr *)&address, len), "bind");
    check_sys(listen(server->listener, CLIENTS_MAX), "listen");
    check_sys(getsockname(server->listener, (struct sockaddr *)&address, &len), "getsockname");
    watch(server, server->listener, EPOLLIN, NULL);
    printf("port %d\n", ntohs(address.sin_port));
}

static void accept_client(server_t *server)
{
    const int size = SOCKET_BUFFER_SIZE;
    const int fd = accept4(server->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0 && (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED))
        return;
    check_sys(fd, "accept4");
    if (server->client_count == CLIENTS_MAX)
        die("more than %d clients", CLIENTS_MAX);
    client_t *client = &server->clients[server->client_count++];
    *client = (client_t){.number = server->client_count, .fd = fd};
    check_sys(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size), "setsockopt");
    check(ckafka_sender_open(server->log, CKAFKA_START_EARLIEST, &client->sender), "opening a sender");
    watch(server, fd, EPOLLOUT, client);
}

/* Closes: for a client that has it all, the end of the log. What the socket still holds, the kernel delivers. */
static void finish_client(server_t *server, client_t *client)
{
    check(ckafka_sender_close(client->sender), "closing a sender");
    check_sys(close(client->fd), "close");
    printf("client %d: socket full %u times, %u of them inside a batch\n", client->number, client->pause_count,
           client->pause_count_in_batch);
    deliveries_note(&server->deliveries, client->number, client->size);
    server->size += client->size;
    server->served_count++;
}

/* Gives a client whose socket has room its turn. */
static void serve_client(server_t *server, client_t *client)
{
    uint64_t sent = 0, bytes_into_batch;
    int64_t offset;

    const double start = seconds_now();
    const ckafka_err_t err = ckafka_send(client->sender, client->fd, TURN_SIZE, 0, &sent);
    server->seconds += seconds_now() - start;
    client->size += sent; /* written also when the socket was full */

    if (err == CKAFKA_OK && sent == 0) {
        finish_client(server, client);
    } else if (err == CKAFKA_ERR__AGAIN) {
        check(ckafka_sender_position(client->sender, &offset, &bytes_into_batch), "asking where the sender is");
        client->pause_count++;
        client->pause_count_in_batch += bytes_into_batch > 0;
    } else if (err == CKAFKA_ERR__CLOSED) { /* its loss, not that of the others */
        fprintf(stderr, "client %d left: %s\n", client->number, ckafka_errmsg());
        server->left_count++;
        finish_client(server, client);
    } else if (err != CKAFKA_ERR__INTERRUPTED) {
        check(err, "sending");
    }
}

static void serve(server_t *server, int expected_count)
{
    struct epoll_event events[CLIENTS_MAX];
    while (server->served_count < expected_count) {
        const int ready = epoll_wait(server->poll, events, CLIENTS_MAX, QUIET_TIMEOUT_MS);
        if (ready == 0)
            die("nothing happened for %d s; %d of %d clients served", QUIET_TIMEOUT_MS / 1000, server->served_count,
                expected_count);
        if (ready < 0 && errno != EINTR)
            die("epoll_wait: %s", strerror(errno));
        for (int i = 0; i < ready; i++) {
            if (events[i].data.ptr == NULL)
                accept_client(server);
            else
                serve_client(server, events[i].data.ptr);
        }
    }
}

/* Says what went out and how, and exits if any of it was copied through this program's memory. */
static void report(const server_t *server, ckafka_t *directory)
{
    int64_t low, end, durable;
    char *json;
    check(ckafka_watermarks(directory, QUAKES_TOPIC, 0, &low, &end, &durable), "asking for the ends");
    check(ckafka_stats(directory, &json), "asking for the statistics");
    const uint64_t by_kernel = stats_number(json, "\"bytes_by_kernel\":");
    const uint64_t copied = stats_number(json, "\"bytes_copied\":");
    ckafka_free(json);

    print_rate("sent", (end - low) * (server->served_count - server->left_count), server->size, server->seconds);
    printf("sent by the kernel %" PRIu64 " bytes\n", by_kernel);
    printf("copied through user space %" PRIu64 " bytes\n", copied);
    if (by_kernel != server->size || copied != 0)
        die("%" PRIu64 " bytes went to clients; expected all of them by the kernel, and none copied", server->size);
}

/* The flush thread is the library's; its core comes from the configuration. */
static ckafka_t *open_directory(const char *path)
{
    char core[16];
    ckafka_conf_t *conf = ckafka_conf_new();
    ckafka_t *directory;
    snprintf(core, sizeof core, "%" PRId32, core_for(ROLE_FLUSH));
    check(ckafka_conf_set(conf, "ckafka.flush.cpu", core), "choosing the flush thread's core");
    check(ckafka_open(path, conf, 0, &directory), "opening the data directory");
    ckafka_conf_free(conf);
    check(ckafka_io_threads_start(directory, CKAFKA_IO_FLUSH), "starting the flush thread");
    return directory;
}

int main(int argc, char **argv)
{
    static server_t server;
    const int expected_count = argc == 3 ? atoi(argv[2]) : 0;
    if (expected_count < 1 || expected_count > CLIENTS_MAX)
        die("usage: %s DIRECTORY CLIENTS (1 to %d)", argv[0], CLIENTS_MAX);
    setvbuf(stdout, NULL, _IOLBF, 0); /* whoever waits for the port reads a pipe or a file */

    ckafka_t *directory = open_directory(argv[1]);
    check(ckafka_log_open(directory, QUAKES_TOPIC, 0, &server.log), "opening the topic " QUAKES_TOPIC);
    deliveries_start(&server.deliveries, directory, expected_count, core_for(ROLE_CONSUMER));
    check(ckafka_pin_thread(core_for(ROLE_NETWORK)), "binding the network thread");
    listen_on_loopback(&server);
    serve(&server, expected_count);

    deliveries_finish(&server.deliveries);
    report(&server, directory);
    check(ckafka_log_close(server.log), "closing the log");
    check(ckafka_close(directory), "closing the data directory");
    close(server.listener);
    close(server.poll);
    if (server.left_count > 0)
        die("%d of %d clients left before the end", server.left_count, expected_count);
    return 0;
}

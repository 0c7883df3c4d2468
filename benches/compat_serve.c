/*
 * The old interface's file server, through loopback TCP connections.
 *
 * make    makes the file: mib
 * bare    accepts a client, sends it the file by sendfile, closes, accepts the next
 * ckafka  start_server
 *
 * clients=1: one after the other, each from its connect to the end; passes of them, after one to warm up. More: all at
 * once, and beside them `idle` ones that never read; how far the one that has the least had come when the first had all.
 * What arrives is discarded by the kernel.
 */
#include "common.h"

#include <arpa/inet.h>
#include <ckafka_compat.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define FILE_NAME "served"
#define BYTES_PER_CALL (16 * MIB)
#define BYTES_PER_TURN (256 * 1024)
#define CLIENTS_MAX 256

static void make_file(uint64_t mib)
{
    static unsigned char piece[MIB];
    int fd = check_sys(open(FILE_NAME, O_WRONLY | O_CREAT | O_TRUNC, 0644), FILE_NAME);
    memset(piece, 'f', sizeof piece);
    for (; mib > 0; mib--)
        if (write(fd, piece, sizeof piece) != (ssize_t)sizeof piece)
            die(FILE_NAME ": %s", strerror(errno));
    close(fd);
    puts("{}");
}

static _Noreturn void serve_bare(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof address;
    struct stat stat;
    int listener = check_sys(socket(AF_INET, SOCK_STREAM, 0), "socket");
    check_sys(bind(listener, (struct sockaddr *)&address, sizeof address), "bind");
    check_sys(listen(listener, SOMAXCONN), "listen");
    check_sys(getsockname(listener, (struct sockaddr *)&address, &length), "getsockname");
    printf("Server Listening at Port %d\n", ntohs(address.sin_port));
    fflush(stdout);
    for (;;) {
        int peer = check_sys(accept(listener, NULL, NULL), "accept");
        int fd = check_sys(open(FILE_NAME, O_RDONLY), FILE_NAME);
        check_sys(fstat(fd, &stat), FILE_NAME);
        off_t at = 0;
        while (at < stat.st_size)
            check_sys((int)(sendfile(peer, fd, &at, BYTES_PER_CALL) < 0 ? -1 : 0), "sendfile");
        close(fd);
        close(peer);
    }
}

/* Starts the server in a process of its own, bound to the first core; its port. */
static pid_t start_server_process(int is_bare, int *port)
{
    int ends[2];
    char line[64];
    check_sys(pipe(ends), "pipe");
    pid_t server = start_child();
    if (server == 0) {
        pin(0);
        dup2(ends[1], 1);
        close(ends[0]);
        setvbuf(stdout, NULL, _IOLBF, 0);
        if (is_bare)
            serve_bare();
        start_server(FILE_NAME, 0);
        _exit(1);
    }
    close(ends[1]);
    FILE *said = fdopen(ends[0], "r");
    if (said == NULL || fgets(line, sizeof line, said) == NULL || sscanf(line, "Server Listening at Port %d", port) != 1)
        die("the server did not say its port");
    /* What else it says is read by nobody, and is less than a pipe holds. */
    return server;
}

static int dial(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    address.sin_port = htons((uint16_t)port);
    int peer = check_sys(socket(AF_INET, SOCK_STREAM, 0), "socket");
    check_sys(connect(peer, (struct sockaddr *)&address, sizeof address), "connect");
    return peer;
}

/* Clients one after the other; the bytes and the time of all but the first. */
static void run_in_turn(int port, uint64_t passes, uint64_t wanted)
{
    unsigned char *piece = malloc(MIB);
    uint64_t begun = 0;
    for (uint64_t pass = 0; pass <= passes; pass++) {
        if (pass == 1)
            begun = now_ns();
        int peer = dial(port);
        uint64_t taken = 0;
        ssize_t got;
        while ((got = recv(peer, piece, MIB, MSG_TRUNC)) > 0)
            taken += (uint64_t)got;
        if (taken != wanted)
            die("%llu bytes arrived, expected %llu", (unsigned long long)taken, (unsigned long long)wanted);
        close(peer);
    }
    emit_number("ns", (double)(now_ns() - begun));
    emit_number("bytes", (double)(wanted * passes));
    free(piece);
}

/* Clients all at once, each with its turn; the least share when the first had all. */
static void run_at_once(int port, int count, int idle, uint64_t wanted)
{
    static unsigned char piece[BYTES_PER_TURN];
    int peers[CLIENTS_MAX], queue = check_sys(epoll_create1(0), "epoll_create1"), done = 0;
    uint64_t taken[CLIENTS_MAX] = {0}, least = 0;
    for (int i = 0; i < idle; i++)
        dial(port);
    uint64_t begun = now_ns();
    for (int i = 0; i < count; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)i};
        peers[i] = dial(port);
        check_sys(epoll_ctl(queue, EPOLL_CTL_ADD, peers[i], &event), "epoll_ctl");
    }
    while (done < count) {
        struct epoll_event ready[CLIENTS_MAX];
        int ready_count = check_sys(epoll_wait(queue, ready, CLIENTS_MAX, 30000), "epoll_wait");
        if (ready_count == 0)
            die("nothing came for 30 s; %d of %d clients have all", done, count);
        for (int i = 0; i < ready_count; i++) {
            uint32_t who = ready[i].data.u32;
            ssize_t got = recv(peers[who], piece, sizeof piece, MSG_TRUNC | MSG_DONTWAIT);
            if (got > 0) {
                taken[who] += (uint64_t)got;
                continue;
            }
            if (got < 0 && errno == EAGAIN)
                continue;
            if (taken[who] != wanted)
                die("client %u got %llu bytes", who, (unsigned long long)taken[who]);
            close(peers[who]);
            if (done++ > 0)
                continue;
            least = wanted;
            for (int other = 0; other < count; other++)
                least = taken[other] < least ? taken[other] : least;
        }
    }
    emit_number("ns", (double)(now_ns() - begun));
    emit_number("bytes", (double)wanted * count);
    emit_number("least_share", (double)least / (double)wanted);
}

int main(int argc, char **argv)
{
    const args_t args = args_parse(argc, argv);
    const int clients = (int)args_number(&args, "clients", 1);
    struct stat stat;
    int port;
    check_sys(chdir(args.folder), args.folder);
    touch_memory((uint64_t)args_number(&args, "touch_mib", 0) * MIB);
    if (args_is(&args, "make")) {
        make_file((uint64_t)args_number(&args, "mib", 64));
        return 0;
    }
    if (clients < 1 || clients > CLIENTS_MAX)
        die("clients: 1 to %d", CLIENTS_MAX);
    check_sys(lstat(FILE_NAME, &stat), FILE_NAME);
    const pid_t server = start_server_process(args_is(&args, "bare"), &port);
    pin(1);
    emit_begin();
    if (clients == 1)
        run_in_turn(port, (uint64_t)args_number(&args, "passes", 3), (uint64_t)stat.st_size);
    else
        run_at_once(port, clients, (int)args_number(&args, "idle", 0), (uint64_t)stat.st_size);
    emit_end();
    kill(server, SIGKILL);
    waitpid(server, NULL, 0);
    return 0;
}

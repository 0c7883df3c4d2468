/*
 * Sends a log through a loopback TCP connection to another process.
 *
 * make    makes the log: records, size, batch
 * bare    sendfile of the segment
 * ckafka  ckafka_send from the earliest offset until it says that there is no more
 *
 * copies=0: the receiver has the kernel discard what arrives; copies=1: it copies it out. Time is from the first
 * byte until the receiver says that it has the last. passes
 */
#include "dataset.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define BYTES_PER_CALL (16 * MIB)

/* Takes `wanted` bytes, then answers with one. */
static void receive(int fd, uint64_t wanted, int copies)
{
    unsigned char *buffer = malloc(MIB);
    uint64_t taken = 0;
    while (taken < wanted) {
        ssize_t got = recv(fd, buffer, MIB, copies ? 0 : MSG_TRUNC);
        if (got <= 0)
            die("recv after %llu bytes: %s", (unsigned long long)taken, got ? strerror(errno) : "closed");
        taken += (uint64_t)got;
    }
    if (taken != wanted)
        die("%llu bytes arrived, expected %llu", (unsigned long long)taken, (unsigned long long)wanted);
    if (write(fd, "k", 1) != 1)
        die("write: %s", strerror(errno));
}

static pid_t start_receiver(int *fd, uint64_t wanted_a_pass, uint64_t passes, int copies)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int listener = check_sys(socket(AF_INET, SOCK_STREAM, 0), "socket");
    check_sys(bind(listener, (struct sockaddr *)&address, sizeof address), "bind");
    check_sys(getsockname(listener, (struct sockaddr *)&address, &length), "getsockname");
    check_sys(listen(listener, 1), "listen");
    pid_t receiver = start_child();
    if (receiver == 0) {
        pin(1);
        int peer = check_sys(socket(AF_INET, SOCK_STREAM, 0), "socket");
        check_sys(connect(peer, (struct sockaddr *)&address, sizeof address), "connect");
        for (uint64_t pass = 0; pass < passes; pass++)
            receive(peer, wanted_a_pass, copies);
        _exit(0);
    }
    *fd = check_sys(accept(listener, NULL, NULL), "accept");
    int yes = 1;
    check_sys(setsockopt(*fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes), "setsockopt");
    close(listener);
    return receiver;
}

static void send_bare(const mapped_t *map, int fd)
{
    off_t at = 0;
    while ((uint64_t)at < map->size) {
        uint64_t left = map->size - (uint64_t)at;
        if (sendfile(fd, map->fd, &at, left < BYTES_PER_CALL ? left : BYTES_PER_CALL) < 0)
            die("sendfile: %s", strerror(errno));
    }
}

static void send_ckafka(const bench_log_t *log, int fd)
{
    ckafka_sender_t *sender;
    check(ckafka_sender_open(log->log, CKAFKA_START_EARLIEST, &sender), "ckafka_sender_open");
    uint64_t sent;
    do
        check(ckafka_send(sender, fd, BYTES_PER_CALL, 0, &sent), "ckafka_send");
    while (sent > 0);
    check(ckafka_sender_close(sender), "ckafka_sender_close");
}

static double cpu_seconds(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_utime.tv_sec + (double)usage.ru_stime.tv_sec +
           1e-6 * (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static void run(const args_t *args)
{
    mapped_t map = map_segment(args->folder);
    keep(sum_bytes(map.bytes, map.size));
    uint64_t passes = (uint64_t)args_number(args, "passes", 3);
    int fd, bare = args_is(args, "bare");
    /* The first pass warms the connection up. The handle is opened after the fork: a fork's child may not use it. */
    pid_t receiver = start_receiver(&fd, map.size, passes + 1, (int)args_number(args, "copies", 0));
    bench_log_t log = {0};
    if (!bare)
        log = log_open(args->folder, NULL);
    uint64_t begun = 0;
    double cpu = 0;
    for (uint64_t pass = 0; pass <= passes; pass++) {
        char answer;
        if (pass == 1) {
            begun = now_ns();
            cpu = cpu_seconds();
        }
        if (bare)
            send_bare(&map, fd);
        else
            send_ckafka(&log, fd);
        if (read(fd, &answer, 1) != 1)
            die("the receiver went away");
    }
    uint64_t ns = now_ns() - begun;
    int status;
    check_sys(waitpid(receiver, &status, 0), "waitpid");
    emit_begin();
    emit_number("bytes", (double)(map.size * passes));
    emit_number("ns", (double)ns);
    emit_number("cpu_s", cpu_seconds() - cpu);
    emit_number("copied", bare ? 0 : (double)log_stat(&log, "bytes_copied"));
    emit_end();
    if (!bare)
        log_close(&log);
    map_drop(&map);
}

int main(int argc, char **argv)
{
    args_t args = args_parse(argc, argv);
    touch_memory((uint64_t)args_number(&args, "touch_mib", 0) * MIB);
    pin(0);
    if (args_is(&args, "make")) {
        dataset_make(args.folder, (uint64_t)args_number(&args, "records", 0), (uint64_t)args_number(&args, "size", 100),
                     (uint64_t)args_number(&args, "batch", 100));
        puts("{}");
    } else {
        run(&args);
    }
    return 0;
}

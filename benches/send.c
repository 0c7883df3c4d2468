/*
 * Sends a log through a loopback TCP connection to another process.
 *
 * make    makes the log: records, size, batch
 * both    bare: sendfile of the segment; ckafka: ckafka_send from the earliest offset until it says that there is no
 *         more. Turn by turn on one connection: how fast it is depends more on where the kernel put its buffers than on
 *         who sends.
 *
 * copies=0: the receiver has the kernel discard what arrives; copies=1: it copies it out. Time is from the first
 * byte until the receiver says that it has the last. turns
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
#define TURNS_MAX 1000

enum { BARE, CKAFKA, SENDERS };

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

typedef struct {
    uint64_t ns[TURNS_MAX];
    double cpu_s;
} spent_t;

static void emit_turns(const char *name, const uint64_t *ns, uint64_t turns)
{
    static char json[TURNS_MAX * 24];
    size_t used = 0;
    for (uint64_t turn = 0; turn < turns; turn++)
        used += (size_t)snprintf(json + used, sizeof json - used, "%c%llu", turn ? ',' : '[', (unsigned long long)ns[turn]);
    snprintf(json + used, sizeof json - used, "]");
    emit_text(name, json);
}

static void run(const args_t *args)
{
    mapped_t map = map_segment(args->folder);
    keep(sum_bytes(map.bytes, map.size));
    uint64_t turns = (uint64_t)args_number(args, "turns", 3);
    if (turns < 1 || turns > TURNS_MAX)
        die("turns: 1 to %d", TURNS_MAX);
    static spent_t spent[SENDERS];
    int fd;
    /* The first turn warms the connection up. The handle is opened after the fork: a fork's child may not use it. */
    pid_t receiver = start_receiver(&fd, map.size, SENDERS * (turns + 1), (int)args_number(args, "copies", 0));
    bench_log_t log = log_open(args->folder, NULL);
    for (uint64_t turn = 0; turn <= turns; turn++)
        for (int i = 0; i < SENDERS; i++) {
            int sender = turn % 2 ? i : SENDERS - 1 - i;
            char answer;
            double cpu = cpu_seconds();
            uint64_t begun = now_ns();
            if (sender == BARE)
                send_bare(&map, fd);
            else
                send_ckafka(&log, fd);
            if (read(fd, &answer, 1) != 1)
                die("the receiver went away");
            if (turn > 0) {
                spent[sender].ns[turn - 1] = now_ns() - begun;
                spent[sender].cpu_s += cpu_seconds() - cpu;
            }
        }
    int status;
    check_sys(waitpid(receiver, &status, 0), "waitpid");
    emit_begin();
    emit_number("bytes", (double)map.size);
    emit_turns("bare", spent[BARE].ns, turns);
    emit_turns("ckafka", spent[CKAFKA].ns, turns);
    emit_number("cpu_s_a_turn", spent[CKAFKA].cpu_s / (double)turns);
    emit_number("copied", (double)log_stat(&log, "bytes_copied"));
    emit_end();
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

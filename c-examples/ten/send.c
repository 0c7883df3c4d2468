/*
 * send DIRECTORY
 *
 * Sends a log to a socket that does not block, from a loop over epoll. The bytes go from the page cache to the socket
 * inside the kernel; where the socket takes no more, the sender remembers its place, also in the middle of a batch.
 * A child process is the peer: it counts what arrives.
 */
#include <ckafka.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define RECORD_COUNT 2000
#define VALUE_SIZE 1000
#define SEND_SIZE (256 * 1024)

/* Gives up with what the library says. */
static void must(ckafka_err_t err, const char *what)
{
    if (err == CKAFKA_OK)
        return;
    fprintf(stderr, "%s: %s\\n", what, ckafka_errmsg());
    exit(1);
}

static void must_do(int result, const char *what)
{
    if (result < 0) {
        perror(what);
        exit(1);
    }
}

/* The peer reads to the end and answers with how much that was. */
static void receive(int fd)
{
    static char buffer[65536];
    uint64_t total = 0;
    ssize_t got;
    while ((got = read(fd, buffer, sizeof buffer)) > 0)
        total += (uint64_t)got;
    must_do((int)write(fd, &total, sizeof total), "answering");
}

/* Sends all there is; the bytes that went. */
static uint64_t send_all(ckafka_sender_t *sender, int fd)
{
    uint64_t total = 0, sent;
    const int queue = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLOUT};
    must_do(queue, "epoll_create1");
    must_do(epoll_ctl(queue, EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
    for (;;) {
        const ckafka_err_t err = ckafka_send(sender, fd, SEND_SIZE, 0, &sent);
        if (err != CKAFKA_OK && err != CKAFKA_ERR__AGAIN && err != CKAFKA_ERR__INTERRUPTED)
            must(err, "sending"); /* CKAFKA_ERR__CLOSED: the peer is gone; no SIGPIPE was raised */
        total += sent;
        if (err == CKAFKA_OK && sent == 0)
            break; /* the end of the log */
        if (err == CKAFKA_ERR__AGAIN && epoll_wait(queue, &event, 1, -1) < 0 && errno != EINTR)
            must_do(-1, "epoll_wait");
    }
    close(queue);
    return total;
}

int main(int argc, char **argv)
{
    static char value[VALUE_SIZE];
    ckafka_t *dir;
    ckafka_log_t *log;
    ckafka_sender_t *sender;
    int ends[2];
    uint64_t arrived = 0;

    if (argc != 2) {
        fprintf(stderr, "usage: send DIRECTORY\n");
        return 2;
    }
    must_do(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), "socketpair");
    const pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        receive(ends[1]);
        exit(0);
    }
    close(ends[1]);
    must_do(fcntl(ends[0], F_SETFL, O_NONBLOCK), "not blocking");
    must(ckafka_open(argv[1], NULL, CKAFKA_OPEN_CREATE, &dir), "opening the directory");
    must(ckafka_topic_create(dir, "frames", 1, NULL), "making the topic");
    must(ckafka_log_open(dir, "frames", 0, &log), "opening partition 0");
    for (int i = 0; i < RECORD_COUNT; i++) {
        const ckafka_record_t record = {.value = {value, VALUE_SIZE}, .ts = -1};
        int64_t offset;
        must(ckafka_append(log, &record, 1, &offset), "appending");
    }
    must(ckafka_sender_open(log, CKAFKA_START_EARLIEST, &sender), "opening a sender");
    const uint64_t sent = send_all(sender, ends[0]);
    shutdown(ends[0], SHUT_WR);
    must_do(fcntl(ends[0], F_SETFL, 0), "blocking again");
    must_do((int)read(ends[0], &arrived, sizeof arrived), "reading the answer");
    printf("sent %" PRIu64 " bytes, %" PRIu64 " arrived\n", sent, arrived);
    must(ckafka_sender_close(sender), "closing the sender");
    must(ckafka_log_close(log), "closing the log");
    must(ckafka_close(dir), "closing the directory");
    waitpid(child, NULL, 0);
    return sent == arrived && sent > (uint64_t)RECORD_COUNT * VALUE_SIZE ? 0 : 1;
}

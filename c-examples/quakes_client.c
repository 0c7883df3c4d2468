/*
 * quakes_client PORT EVENTS [slow]
 *
 * Shows how record batches are read that came from a socket: receive, decode what is whole, keep the rest, and
 * compare every record with the input byte for byte. No data directory is opened; ckafka_view_decode needs only bytes.
 *
 * With `slow` it takes a few KiB at a time through a small socket buffer and rests in between, so that the server
 * meets a socket that is full in the middle of a batch, again and again.
 */
#include "examples_common.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BUFFER_SIZE (4 * 1024 * 1024) /* more than the largest batch that a log takes by default */
#define DECODED_SIZE_MAX (64 * 1024 * 1024)
#define SLOW_SOCKET_BUFFER (4 * 1024)
#define SLOW_CHUNK (8 * 1024)
#define SLOW_PAUSE_NS 1000000

/* Bytes that arrived; [0, len) are not decoded yet. */
typedef struct {
    char *bytes;
    size_t len;
} inbox_t;

static int connect_to(uint16_t port, bool slow)
{
    const struct sockaddr_in server = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    const int fd = check_sys(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
    if (slow) { /* before connect, for the window is agreed upon there */
        const int size = SLOW_SOCKET_BUFFER;
        check_sys(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size), "setsockopt");
    }
    check_sys(connect(fd, (const struct sockaddr *)&server, sizeof server), "connect");
    return fd;
}

/* Receives behind what is in the inbox; how many bytes came, 0 when the server has closed. */
static size_t receive(int fd, inbox_t *inbox, bool slow)
{
    const size_t room = BUFFER_SIZE - inbox->len;
    if (room == 0)
        die("a batch does not fit into %d bytes", BUFFER_SIZE);
    if (slow)
        nanosleep(&(struct timespec){.tv_nsec = SLOW_PAUSE_NS}, NULL);
    ssize_t got;
    do
        got = recv(fd, inbox->bytes + inbox->len, slow && room > SLOW_CHUNK ? SLOW_CHUNK : room, 0);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        die("recv: %s", strerror(errno));
    inbox->len += (size_t)got;
    return (size_t)got;
}

/* Decodes every whole batch in the inbox, compares its records, and keeps what is left for the next time. */
static void decode(inbox_t *inbox, const quake_list_t *quakes, size_t *next_inout)
{
    size_t done = 0, consumed, size, count;
    const void *base;
    const ckafka_rec_t *records;
    ckafka_view_t *view;

    for (;;) {
        check(ckafka_view_decode(inbox->bytes + done, inbox->len - done, DECODED_SIZE_MAX, &view, &consumed),
              "decoding");
        if (view == NULL) /* no whole batch yet */
            break;
        check(ckafka_view_base(view, &base, &size), "asking for the view's memory");
        check(ckafka_view_records(view, &records, &count), "asking for the view's records");
        for (size_t i = 0; i < count; i++) {
            if (*next_inout == quakes->count)
                die("more came than the %zu events of the input", quakes->count);
            quake_compare(base, &records[i], (int64_t)*next_inout, &quakes->events[*next_inout]);
            ++*next_inout;
        }
        ckafka_view_release(view);
        done += consumed;
    }
    memmove(inbox->bytes, inbox->bytes + done, inbox->len - done);
    inbox->len -= done;
}

int main(int argc, char **argv)
{
    const bool slow = argc == 4 && strcmp(argv[3], "slow") == 0;
    if (argc != 3 && !slow)
        die("usage: %s PORT EVENTS [slow]", argv[0]);
    quake_list_t quakes = quakes_load(argv[2]);
    inbox_t inbox = {.bytes = malloc(BUFFER_SIZE)};
    if (inbox.bytes == NULL)
        die("not enough memory for %d bytes", BUFFER_SIZE);

    const double start = seconds_now();
    const int fd = connect_to((uint16_t)strtoul(argv[1], NULL, 10), slow);
    uint64_t size = 0;
    size_t next = 0, got;
    while ((got = receive(fd, &inbox, slow)) > 0) {
        size += got;
        decode(&inbox, &quakes, &next);
    }
    const double seconds = seconds_now() - start;
    close(fd);

    if (inbox.len != 0)
        die("the last %zu bytes are not a whole batch", inbox.len);
    if (next != quakes.count)
        die("%zu records came; the input has %zu events", next, quakes.count);
    print_rate(slow ? "received slowly" : "received", (int64_t)next, size, seconds);
    free(inbox.bytes);
    quakes_free(&quakes);
    return 0;
}

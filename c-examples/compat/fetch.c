/*
 * fetch PORT [OFFSET]
 *
 * A client of serve.c and serve_log.c on this machine: writes what arrives to standard output. With OFFSET it asks
 * for it first, which serve_log.c answers at its second port.
 */
#include <ckafka_compat.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    static char buffer[65536];
    ssize_t size;
    if (argc != 2 && argc != 3) {
        fprintf(stderr, "usage: fetch PORT [OFFSET]\n");
        return 2;
    }
    const int sock = connect_to_broker("127.0.0.1", atoi(argv[1]));
    if (sock < 0)
        return 1; /* the reason is on stderr */
    if (argc == 3) {
        send_message_to_broker(sock, argv[2]);
        send_message_to_broker(sock, "\n");
    }
    while ((size = read(sock, buffer, sizeof buffer)) > 0)
        fwrite(buffer, 1, (size_t)size, stdout);
    if (size < 0)
        perror("read");
    close_broker_connection(sock);
    return size < 0 || fflush(stdout) != 0 || ferror(stdout) ? 1 : 0;
}

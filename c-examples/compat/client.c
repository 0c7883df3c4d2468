/*
 * client PORT TOPIC MESSAGE...
 *
 * The client: sends messages to the broker program on this machine, one connection each.
 */
#include <ckafka_compat.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    if (argc < 4) {
        fprintf(stderr, "usage: client PORT TOPIC MESSAGE...\n");
        return 2;
    }
    for (int i = 3; i < argc; i++) {
        char text[1024];
        const int sock = connect_to_broker("127.0.0.1", atoi(argv[1]));
        if (sock < 0)
            return 1; /* the reason is on stderr */
        snprintf(text, sizeof text, "PRODUCE %s %s", argv[2], argv[i]);
        send_message_to_broker(sock, text);
        close_broker_connection(sock);
    }
    return 0;
}

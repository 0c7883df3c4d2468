/*
 * serve FILE PORT
 *
 * Zero copy: sends a file, whatever is in it, to everybody who connects. PORT 0 is the kernel's choice, which is in
 * the first line. serve_log.c does the same by the library's own interface; fetch.c is a client. Ends when it is killed.
 */
#include <ckafka_compat.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: serve FILE PORT\n");
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0); /* whoever waits for the port reads a pipe or a file */
    start_server(argv[1], atoi(argv[2]));
    return 1;
}

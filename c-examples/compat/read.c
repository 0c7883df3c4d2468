/*
 * read FILE
 *
 * The mmap reader: prints every record of a log that append.c or an original program wrote.
 */
#include <ckafka_compat.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: read FILE\n");
        return 2;
    }
    read_log_with_mmap(argv[1]);
    return 0;
}

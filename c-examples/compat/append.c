/*
 * append MESSAGE...
 *
 * The append log: each message becomes one compressed record of temp/order1/00000000000000000000.log below the working
 * directory, with a line in each index beside it, and is on disk when the call returns. With CKAFKA_COMPAT_DIR in the
 * environment the same program writes a libckafka directory instead. read.c reads the log, import.c takes it over.
 */
#include <ckafka_compat.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    static Partition partition; /* log_offset counts on from what the program puts there */
    MemoryPool *pool = pool_create(1024, 16);
    if (argc < 2 || pool == NULL) {
        fprintf(stderr, "usage: append MESSAGE...\n");
        return 2;
    }
    for (int i = 1; i < argc; i++) {
        const unsigned long long before = partition.log_offset;
        append_message_to_log(&partition, argv[i], pool);
        if (partition.log_offset == before) /* the reason is on stderr; what was there before is untouched */
            return 1;
        printf("record %llu is on disk\n", before);
    }
    pool_destroy(pool);
    return 0;
}

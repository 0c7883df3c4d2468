/* large SIZE: appends a message of so many bytes; prints the offset that the partition has then. */
#include <ckafka_compat.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
    static Partition partition;
    size_t size = argc > 1 ? (size_t)atol(argv[1]) : 0;
    char *message = malloc(size + 1);
    if (message == NULL)
        return 1;
    memset(message, 'm', size);
    message[size] = '\0';
    append_message_to_log(&partition, message, NULL);
    printf("%llu\n", partition.log_offset);
    free(message);
    return 0;
}

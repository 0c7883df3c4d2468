/* acks NAME: appends messages NAME-0, NAME-1, ... for ever and prints each number once its record is on disk. */
#include <ckafka_compat.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    static Partition partition;
    char text[300];
    int i;
    for (i = 0; argc == 2; i++) {
        int size = snprintf(text, sizeof text, "%s-%d", argv[1], i);
        append_message_to_log(&partition, text, NULL);
        text[size] = '\n';
        if (partition.log_offset != (unsigned long long)i + 1 || write(1, text, (size_t)size + 1) != size + 1)
            return 1;
    }
    return 2;
}

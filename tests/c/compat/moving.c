/* moving: appends while its files and its working directory change under it. The folders a and b are there. */
#include <ckafka_compat.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static Partition partition;

static void append(const char *message)
{
    char text[64];
    snprintf(text, sizeof text, "%s", message);
    append_message_to_log(&partition, text, NULL);
}

static int go(const char *folder)
{
    return chdir(folder);
}

int main(void)
{
    pid_t child;
    int status = 1;
    if (go("a") != 0)
        return 1;
    append("a-first");
    if (go("../b") != 0)
        return 1;
    append("b-first");
    if (go("../a") != 0)
        return 1;
    append("a-second");
    /* Moved away: what follows goes to new files. */
    if (rename("temp", "kept") != 0)
        return 1;
    append("a-third");
    if (system("rm -r temp") != 0)
        return 1;
    append("a-fourth");
    if (unlink("temp/order1/00000000000000000000.index") != 0)
        return 1;
    append("a-fifth");
    child = fork();
    if (child == 0) {
        append("a-child");
        _exit(partition.log_offset == 7 ? 0 : 1);
    }
    append("a-parent");
    waitpid(child, &status, 0);
    append("a-last");
    return status != 0 || partition.log_offset != 8;
}

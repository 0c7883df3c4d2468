/* read FILE: prints the records of a log file. */
#include <ckafka_compat.h>

int main(int argc, char **argv)
{
    read_log_with_mmap(argc > 1 ? argv[1] : NULL);
    return 0;
}

/* The program's own logger. */
#include <ckafka_compat.h>
#include <stdarg.h>
#include <stdio.h>

void log_message(LogLevel level, const char *format, ...)
{
    va_list values;
    printf("MINE[%d] ", (int)level);
    va_start(values, format);
    vprintf(format, values);
    va_end(values);
    printf("\n");
    fflush(stdout);
}

/* Text for people, through C's streams, so that the program's own lines and ours keep their order. A line is written as
 * one, whatever other threads print, and with cancellation held back: a cancelled thread would keep the stream locked. */
#include "shim.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RESET "\033[0m"

/* By level: SYSTEM, BROKER, PRODUCER, CONSUMER. What is none of them is said by SYSTEM. */
static const char *const colors[] = {RESET, "\033[33m", "\033[32m", "\033[34m"};
static const char *const names[] = {"SYSTEM", "BROKER", "PRODUCER", "CONSUMER"};

/* Begins a line on a stream; the state of cancellation before. */
static int begin(FILE *stream)
{
    int before;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
    flockfile(stream);
    return before;
}

static void end(FILE *stream, int before)
{
    funlockfile(stream);
    pthread_setcancelstate(before, NULL);
}

void ckafka_shim_log_message(unsigned level, const char *format, ...)
{
    char text[32] = "0000-00-00 00:00:00";
    time_t now = time(NULL);
    struct tm parts;
    va_list values;
    int error = errno;
    int before = begin(stdout);

    if (level >= sizeof colors / sizeof *colors)
        level = 0;
    if (localtime_r(&now, &parts) != NULL)
        strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &parts);
    fprintf(stdout, "%s[%s] [%s]: ", colors[level], text, names[level]);
    if (format != NULL) {
        /* %m speaks of the caller's errno. */
        errno = error;
        va_start(values, format);
        vfprintf(stdout, format, values);
        va_end(values);
    } else {
        fputs("(null)", stdout);
    }
    fputs(RESET "\n", stdout);
    fflush(stdout);
    end(stdout, before);
    errno = error;
}

void ckafka_shim_print(const char *bytes, size_t size, int then_flush)
{
    int before = begin(stdout);
    fwrite(bytes, 1, size, stdout);
    if (then_flush)
        fflush(stdout);
    end(stdout, before);
}

void ckafka_shim_complain(const char *bytes, size_t size)
{
    int before = begin(stderr);
    fwrite(bytes, 1, size, stderr);
    fflush(stderr);
    end(stderr, before);
}

void ckafka_shim_perror(const char *what, int number)
{
    int before = begin(stderr);
    errno = number;
    perror(what);
    end(stderr, before);
    errno = number;
}

void ckafka_shim_exit(int status)
{
    exit(status);
}

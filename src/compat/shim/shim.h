/* What the C half of the C-Kafka interface has: variadic text, C's streams, threads that are cancelled in mid-sleep. Each
 * function here is hidden; the Rust half exports the names that programs know. */
#ifndef CKAFKA_SHIM_H
#define CKAFKA_SHIM_H

#include <stddef.h>

#if defined(__GNUC__)
#  define HIDDEN __attribute__((visibility("hidden")))
#  define INTERPOSABLE __attribute__((visibility("default")))
#else
#  define HIDDEN
#  define INTERPOSABLE
#endif

/* print.c */
HIDDEN void ckafka_shim_log_message(unsigned level, const char *format, ...);
HIDDEN void ckafka_shim_print(const char *bytes, size_t size, int then_flush);
HIDDEN void ckafka_shim_complain(const char *bytes, size_t size);
HIDDEN void ckafka_shim_perror(const char *what, int number);

/* threads.c */
HIDDEN void *ckafka_shim_network(void *core_id);
HIDDEN void *ckafka_shim_flush(void *core_id);
HIDDEN void *ckafka_shim_consumer(void *core_id);
HIDDEN void ckafka_shim_arrived(void);
HIDDEN void *ckafka_shim_consume(void *args, int (*look)(void *args, int *next));
HIDDEN void ckafka_shim_serve(void *server, int descriptor, int (*turn)(void *server), void (*end)(void *server));
HIDDEN void ckafka_shim_exit(int status);

/* The library's own public function, or the one that the program has in its place. */
INTERPOSABLE void bind_thread_to_core(int core_id);

#endif

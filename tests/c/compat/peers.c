/* peers PORT: what a client meets: a signal in mid-call, a peer that has gone, a socket that is not blocking, and a want
 * of descriptors. The server at PORT takes what comes and closes; every connection sends one message. */
#include <ckafka_compat.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static volatile int is_over;
static pthread_t main_thread;

static void on_signal(int number)
{
    (void)number;
}

static void *disturb(void *unused)
{
    (void)unused;
    while (!is_over) {
        pthread_kill(main_thread, SIGUSR1);
        usleep(500);
    }
    return NULL;
}

static int read_with_signals(void)
{
    static char half[3 << 20], back[3 << 20];
    int pipes[2], size = 0;
    pid_t child;
    memset(half, 'h', sizeof half);
    if (pipe(pipes) != 0)
        return 1;
    child = fork();
    if (child == 0) {
        while (size < (int)sizeof half) {
            ssize_t written = write(pipes[1], half + size, 10000);
            size += written > 0 ? (int)written : 0;
            usleep(100);
        }
        _exit(0);
    }
    close(pipes[1]);
    return read_fully(pipes[0], back, sizeof back) != (ssize_t)sizeof back || memcmp(half, back, sizeof back) != 0;
}

int main(int argc, char **argv)
{
    struct sigaction action;
    struct rlimit limit;
    static char message[8 << 20];
    static Partition partition;
    static char small[] = "small";
    pthread_t thread;
    int sock, failed = 0, port = argc > 1 ? atoi(argv[1]) : 0;

    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    sigaction(SIGUSR1, &action, NULL);
    main_thread = pthread_self();
    pthread_create(&thread, NULL, disturb, NULL);
    memset(message, 'm', sizeof message - 1);
    sock = connect_to_broker("127.0.0.1", port);
    send_message_to_broker(sock, message);
    close_broker_connection(sock);
    sock = connect_to_broker("127.0.0.1", port);
    fcntl(sock, F_SETFL, O_NONBLOCK);
    send_message_to_broker(sock, message);
    shutdown(sock, SHUT_WR);
    /* No SIGPIPE. */
    send_message_to_broker(sock, small);
    close_broker_connection(sock);
    append_message_to_log(&partition, small, NULL);
    failed += partition.log_offset != 1;
    failed += read_with_signals();
    is_over = 1;
    pthread_join(thread, NULL);

    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = 0;
    setrlimit(RLIMIT_NOFILE, &limit);
    failed += connect_to_broker("127.0.0.1", port) != -1;
    /* The files are open already; others cannot be had. */
    append_message_to_log(&partition, small, NULL);
    failed += partition.log_offset != 2;
    rename("temp", "elsewhere");
    append_message_to_log(&partition, small, NULL);
    failed += partition.log_offset != 2;
    read_log_with_mmap(argv[0]);
    limit.rlim_cur = 100;
    setrlimit(RLIMIT_NOFILE, &limit);
    append_message_to_log(&partition, small, NULL);
    failed += partition.log_offset != 3;
    return failed;
}

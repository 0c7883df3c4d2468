/*
 * plugin FOLDER LIBRARY
 *
 * A host that loads the library, uses it and lets go of it, again and again, also from threads that end after the
 * library was let go. Linked to no library: everything by name.
 */
#include "../check.h"
#include <dirent.h>
#include <dlfcn.h>
#include <pthread.h>
#include <unistd.h>

#define ROUNDS 50

static const char *library;

static void *function(void *handle, const char *name)
{
    void *address = dlsym(handle, name);
    if (!address) {
        fprintf(stderr, "%s: %s\n", name, dlerror());
        exit(1);
    }
    return address;
}

static int descriptor_count(void)
{
    int count = 0;
    DIR *folder = opendir("/proc/self/fd");
    while (folder && readdir(folder))
        count++;
    closedir(folder);
    return count;
}

static void *use(void *unused)
{
    void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    ckafka_err_t (*open_dir)(const char *, const ckafka_conf_t *, uint32_t, ckafka_t **);
    ckafka_err_t (*close_dir)(ckafka_t *), (*start)(ckafka_t *, uint32_t);
    const char *(*message)(void);
    ckafka_t *dir;
    (void)unused;
    if (!handle) {
        fprintf(stderr, "%s\n", dlerror());
        exit(1);
    }
    *(void **)&open_dir = function(handle, "ckafka_open");
    *(void **)&close_dir = function(handle, "ckafka_close");
    *(void **)&start = function(handle, "ckafka_io_threads_start");
    *(void **)&message = function(handle, "ckafka_errmsg");
    /* A failure gives this thread its message, which goes when the thread does. */
    HOLDS(open_dir(NULL, NULL, 0, &dir) < 0 && strlen(message()) > 0);
    EQUALS(open_dir("plugin", NULL, CKAFKA_OPEN_CREATE, &dir), 0);
    EQUALS(start(dir, CKAFKA_IO_FLUSH | CKAFKA_IO_PRETOUCH), 0);
    EQUALS(close_dir(dir), 0);
    EQUALS(dlclose(handle), 0);
    return NULL;
}

int main(int argc, char **argv)
{
    if (argc != 3 || chdir(argv[1]) != 0)
        return 2;
    library = argv[2];
    use(NULL);
    const int before = descriptor_count();
    for (int i = 0; i < ROUNDS; i++) {
        pthread_t thread;
        use(NULL);
        EQUALS(pthread_create(&thread, NULL, use, NULL), 0);
        pthread_join(thread, NULL);
        const pid_t child = fork();
        if (child == 0) /* The handler that fork calls is still there. */
            _exit(0);
    }
    EQUALS(descriptor_count(), before);
    return check_result("plugin");
}

/* lives DIRECTORY: handles moved, closed twice, dropped in any order, brought over a fork; views that outlive all of it. */
#include "check.hpp"

#include <csignal>
#include <cstdlib>
#include <new>
#include <sys/time.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace std::chrono_literals;

static void check_moves(const std::string &path)
{
    ckafka::directory dir(path, ckafka::open_mode::create);
    dir.ensure_topic("moved");
    ckafka::log log(dir, "moved");
    ckafka::reader reader(log);
    ckafka::sender sender(log);
    ckafka::batch batch(log);
    HOLDS(batch.add("value"));

    ckafka::log new_log = std::move(log);
    ckafka::reader new_reader = std::move(reader);
    ckafka::sender new_sender = std::move(sender);
    ckafka::batch new_batch = std::move(batch);
    EQUALS(new_batch.size(), 1u);
    EQUALS(new_batch.append(), 0);
    HOLDS(new_reader.fetch(0ms).size() == 1);

    /* NOLINTBEGIN(bugprone-use-after-move): that is the claim */
    THROWS(log.append("v"), CKAFKA_ERR__BAD_HANDLE);
    THROWS(static_cast<void>(reader.fetch(0ms)), CKAFKA_ERR__BAD_HANDLE);
    THROWS(static_cast<void>(sender.send(1)), CKAFKA_ERR__BAD_HANDLE);
    HOLDS(batch.empty() && checks::code_of([&] { static_cast<void>(batch.add("v")); }) != CKAFKA_OK);
    EQUALS(reader.wakeup(), CKAFKA_ERR__BAD_HANDLE);
    log.close();
    reader.close();
    ckafka::directory new_dir = std::move(dir);
    THROWS(dir.sync(), CKAFKA_ERR__BAD_HANDLE);
    dir.close();
    /* NOLINTEND */
    log = std::move(new_log);
    EQUALS(log.append("v"), 1);
    ckafka::log &same = log;
    log = std::move(same);
    EQUALS(log.append("v"), 2);
    log.close();
    log.close();
    THROWS(log.append("v"), CKAFKA_ERR__BAD_HANDLE);
    EQUALS(new_reader.fetch(0ms).size(), 2u);
    /* -1 is "now" in C; here a time is what it says. */
    THROWS(ckafka::log(new_dir, "moved").append("v", {}, {}, ckafka::timestamp(-1ms)), CKAFKA_ERR_INVALID_TIMESTAMP);
}

/* What is opened in a directory keeps it, whatever goes first. */
static ckafka::reader only_the_reader(const std::string &path)
{
    ckafka::directory dir(path);
    ckafka::log log(dir, "moved");
    return ckafka::reader(log);
}

static void check_orders(const std::string &path)
{
    ckafka::view kept;
    {
        ckafka::reader reader = only_the_reader(path);
        kept = reader.fetch(0ms);
        /* Assigning over a handle closes the old one, and its directory with it. */
        reader = only_the_reader(path);
        HOLDS(bool(reader.fetch(0ms)));
    }
    ckafka::directory(path).delete_topic("moved");
    const ckafka::view copy = kept;
    kept = ckafka::view();
    HOLDS(kept.empty() && !kept && kept.records().size() == 0 && kept.columns().size() == 0);
    EQUALS(copy.begin()->value(), "value");
    /* Nobody has it open now: a directory that is given up all the way may be removed or taken over. */
    ckafka::directory alone(path);
    alone.close();
    alone.close();
    THROWS(alone.sync(), CKAFKA_ERR__BAD_HANDLE);
}

static void check_fork(const std::string &path)
{
    ckafka::directory dir(path);
    dir.ensure_topic("forked");
    ckafka::log log(dir, "forked");
    log.append("before");
    ckafka::reader reader(log);
    const ckafka::view view = reader.fetch(0ms);
    const pid_t child = fork();
    if (child == 0) {
        const bool refused = checks::code_of([&] { log.append("in the child"); }) == CKAFKA_ERR__FORKED;
        const bool reads = view.begin()->value() == "before";
        { const ckafka::reader gone = std::move(reader); }
        _exit(refused && reads ? 0 : 1);
    }
    int status = -1;
    EQUALS(waitpid(child, &status, 0), child);
    EQUALS(status, 0);
    EQUALS(log.append("after"), 1);
    EQUALS(reader.fetch(0ms).begin()->value(), "after");
}

static ckafka::reader *woken;
static void on_alarm(int) { woken->wakeup(); }

static void check_wakeups(const std::string &path)
{
    ckafka::directory dir(path);
    ckafka::log log(dir, "forked");
    ckafka::reader reader(log, ckafka::latest);
    woken = &reader;
    std::signal(SIGALRM, on_alarm);
    const struct itimerval soon = {{0, 0}, {0, 50000}};
    EQUALS(setitimer(ITIMER_REAL, &soon, nullptr), 0);
    THROWS(static_cast<void>(reader.fetch(10s)), CKAFKA_ERR__INTERRUPTED);
    while (checks::code_of([&] { static_cast<void>(reader.fetch(0ms)); }) == CKAFKA_ERR__INTERRUPTED)
        continue;
    std::thread writer([&] { log.append("from another thread"); });
    for (const ckafka::record record : reader.records(500ms))
        EQUALS(record.value(), "from another thread");
    writer.join();
}

/* The next allocation fails, and no other. */
static thread_local bool memory_is_out;
void *operator new(std::size_t size)
{
    void *memory = std::exchange(memory_is_out, false) ? nullptr : std::malloc(size);
    if (memory == nullptr)
        throw std::bad_alloc();
    return memory;
}
void operator delete(void *memory) noexcept { std::free(memory); }
void operator delete(void *memory, std::size_t) noexcept { std::free(memory); }

/* Memory that is out leaves no directory open that nobody can close. */
static void check_memory(const std::string &path)
{
    const std::string place = path + "-memory";
    bool thrown = false;
    try {
        memory_is_out = true;
        const ckafka::directory dir(place, ckafka::open_mode::create);
    } catch (const std::bad_alloc &) {
        thrown = true;
    }
    HOLDS(thrown && !memory_is_out);
    /* The last writer out leaves the marker. */
    ckafka::directory(place, ckafka::open_mode::create).close();
    HOLDS(access((place + "/.kafka_cleanshutdown").c_str(), F_OK) == 0);
}

static void check_refusals(const std::string &path)
{
    THROWS(ckafka::directory(path + "/nowhere"), CKAFKA_ERR__IO);
    THROWS(ckafka::directory(path, ckafka::open_mode::existing, {{"flush.ms", "x"}}), CKAFKA_ERR_INVALID_CONFIG);
    ckafka::directory dir(path, ckafka::open_mode::read_only);
    THROWS(ckafka::log(dir, "none"), CKAFKA_ERR_UNKNOWN_TOPIC_OR_PARTITION);
    ckafka::log log(dir, "forked");
    THROWS(log.append("v"), CKAFKA_ERR__READONLY);
    THROWS(dir.sync(), CKAFKA_ERR__READONLY);
    const ckafka::header_range damaged(ckafka::bytes("\x7f\x7f"));
    THROWS(static_cast<void>(damaged.begin()), CKAFKA_ERR_CORRUPT_MESSAGE);
    ckafka::log nothing;
    THROWS(nothing.append("v"), CKAFKA_ERR__BAD_HANDLE);
    THROWS(ckafka::reader{nothing}, CKAFKA_ERR__BAD_HANDLE);
    THROWS(ckafka::log(ckafka::directory(), "t"), CKAFKA_ERR__BAD_HANDLE);
    try {
        ckafka::log(dir, "none");
    } catch (const std::exception &thrown) {
        HOLDS(std::string(thrown.what()).find("none") != std::string::npos);
    }
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    check_moves(argv[1]);
    check_orders(argv[1]);
    check_fork(argv[1]);
    check_wakeups(argv[1]);
    check_memory(argv[1]);
    check_refusals(argv[1]);
    return checks::result("lives");
}

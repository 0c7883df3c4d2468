/* bus DIRECTORY [COUNT]
 *
 * A bus between processes: two of them append to one partition at once, COUNT events each, and a third follows what
 * they say as they say it. No server stands between them, and none waits for another to finish.
 */
#include <ckafka.hpp>

#include <iostream>
#include <map>
#include <sys/wait.h>
#include <unistd.h>

static int write_events(const std::string &path, const char *name, int count)
try {
    ckafka::directory dir(path);
    ckafka::log log(dir, "events");
    for (int i = 0; i < count; i++)
        log.append(std::to_string(i), name);
    return 0;
} catch (const ckafka::error &failure) {
    std::cerr << name << ": " << failure.what() << "\n";
    return 1;
}

int main(int argc, char **argv)
try {
    const int count = argc == 3 ? std::stoi(argv[2]) : 1000;
    if (argc < 2 || count < 1) {
        std::cerr << "usage: bus DIRECTORY [COUNT]\n";
        return 2;
    }
    ckafka::directory(argv[1], ckafka::open_mode::create).ensure_topic("events");
    /* Fork before anything is open: what is open stays with the parent. */
    for (const char *name : {"left", "right"})
        if (fork() == 0)
            _exit(write_events(argv[1], name, count));

    ckafka::directory dir(argv[1]);
    ckafka::log log(dir, "events");
    ckafka::reader reader(log, ckafka::earliest);
    std::map<std::string, int> next;
    for (const auto record : reader.records(std::chrono::seconds(10))) {
        int &expected = next[std::string(record.key())];
        if (record.value() != std::to_string(expected++))
            throw std::runtime_error("an event is missing at offset " + std::to_string(record.offset()));
        if (record.offset() + 1 == 2 * count)
            break;
    }
    int status = 0, failed = 0;
    while (wait(&status) > 0)
        failed |= status;
    for (const auto &[name, seen] : next)
        std::cout << name << ": " << seen << " events in order\n";
    return failed == 0 && next["left"] == count && next["right"] == count ? 0 : 1;
} catch (const std::exception &failure) {
    std::cerr << "bus: " << failure.what() << "\n";
    return 1;
}

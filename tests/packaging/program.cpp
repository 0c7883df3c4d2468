/* A program as a user of an installed libckafka has one in C++: appends a record to the directory that it is given, reads
 * it back and says so. */
#include <ckafka.hpp>

#include <iostream>

int main(int argc, char **argv)
try {
    if (argc != 2)
        return 2;
    ckafka::directory dir(argv[1], ckafka::open_mode::create);
    dir.create_topic("installed");
    ckafka::log log(dir, "installed");
    log.append_durable("value", "key");
    for (const ckafka::record record : ckafka::reader(log).fetch())
        if (record.key() == "key" && record.value() == "value")
            std::cout << "libckafka " << ckafka_version_str() << " read what it wrote\n";
    return 0;
} catch (const ckafka::error &failure) {
    std::cerr << failure.what() << "\n";
    return 1;
}

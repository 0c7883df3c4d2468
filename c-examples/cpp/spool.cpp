/* spool DIRECTORY put TEXT...   each text is on disk before the next one is taken
 * spool DIRECTORY drain         prints what was not drained yet, in order
 *
 * A durable spool in front of something that may be away. How far it is drained stands in a file of our own beside
 * the directory. Killed at any instant, drain goes on where it was; a text whose delivery was not noted comes again.
 */
#include <ckafka.hpp>

#include <cstdio>
#include <fstream>
#include <iostream>
#include <unistd.h>

static std::int64_t load_position(const std::string &path)
{
    std::int64_t offset = 0;
    std::ifstream(path) >> offset;
    return offset;
}

/* Written beside, synced and renamed: whoever looks finds the old position or the new one, never half of one. */
static void save_position(const std::string &path, std::int64_t offset)
{
    const std::string fresh = path + ".new";
    std::FILE *file = std::fopen(fresh.c_str(), "w");
    const bool is_written = file != nullptr && std::fprintf(file, "%lld\n", static_cast<long long>(offset)) > 0 &&
                            std::fflush(file) == 0 && fdatasync(fileno(file)) == 0;
    if (file == nullptr || std::fclose(file) != 0 || !is_written || std::rename(fresh.c_str(), path.c_str()) != 0)
        throw std::runtime_error("cannot write " + path);
}

int main(int argc, char **argv)
try {
    const std::string path = argc > 2 ? argv[1] : "", what = argc > 2 ? argv[2] : "";
    if (what != "put" && what != "drain") {
        std::cerr << "usage: spool DIRECTORY put TEXT... | spool DIRECTORY drain\n";
        return 2;
    }
    ckafka::directory dir(path, ckafka::open_mode::create);
    dir.ensure_topic("spool");
    ckafka::log log(dir, "spool");
    if (what == "put") {
        for (int i = 3; i < argc; i++)
            std::cout << log.append_durable(argv[i]) << " is on disk" << std::endl;
    } else {
        ckafka::reader reader(log, load_position(path + ".position"));
        for (const auto record : reader.records()) {
            std::cout << record.offset() << " " << record.value() << std::endl;
            save_position(path + ".position", record.offset() + 1);
        }
    }
    return 0;
} catch (const std::exception &failure) {
    std::cerr << "spool: " << failure.what() << "\n";
    return 1;
}

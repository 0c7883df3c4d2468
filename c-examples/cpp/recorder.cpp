/* recorder DIRECTORY record < EVENTS   events are lines of GeoJSON, for example c-examples/data/earthquakes.ndjson
 * recorder DIRECTORY since MS [COUNT]  prints the first ones at or after a time, in milliseconds since the epoch
 *
 * A recorder: each line is a record that carries the time of its event, in batches; seeking by time is exact.
 */
#include <ckafka.hpp>

#include <iostream>

/* What stands behind `"name":`, up to the end of the number or text. */
static std::string_view field(std::string_view line, std::string_view name)
{
    const auto at = line.find(std::string(1, '"').append(name).append("\":"));
    if (at == std::string_view::npos)
        throw std::runtime_error("no " + std::string(name) + " in: " + std::string(line.substr(0, 60)));
    line.remove_prefix(at + name.size() + 3);
    const bool is_text = line.substr(0, 1) == "\"";
    line.remove_prefix(is_text ? 1 : 0);
    return line.substr(0, line.find_first_of(is_text ? "\"" : ",}"));
}

static ckafka::timestamp time_of(std::string_view ms)
{
    return ckafka::timestamp(std::chrono::milliseconds(std::stoll(std::string(ms))));
}

int main(int argc, char **argv)
try {
    const std::string what = argc > 2 ? argv[2] : "";
    if (what != "record" && !(what == "since" && argc > 3)) {
        std::cerr << "usage: recorder DIRECTORY record < EVENTS | recorder DIRECTORY since MS [COUNT]\n";
        return 2;
    }
    ckafka::directory dir(argv[1], ckafka::open_mode::create);
    dir.ensure_topic("quakes");
    ckafka::log log(dir, "quakes");
    if (what == "record") {
        ckafka::batch batch(log, 100000);
        for (std::string line; std::getline(std::cin, line);)
            while (!batch.add(line, field(line, "id"), nullptr, time_of(field(line, "time"))))
                batch.append();
        const std::int64_t last = batch.empty() ? -1 : batch.append();
        std::cout << dir.watermarks("quakes").end << " events, on disk: " << log.wait_durable(last) << "\n";
    } else {
        ckafka::reader reader(log);
        reader.seek(time_of(argv[3]));
        int left = argc > 4 ? std::stoi(argv[4]) : 10;
        for (const auto record : reader.records()) {
            if (left-- <= 0)
                break;
            std::cout << record.timestamp_ms() << " " << field(record.value(), "title") << "\n";
        }
    }
    return 0;
} catch (const std::exception &failure) {
    std::cerr << "recorder: " << failure.what() << "\n";
    return 1;
}

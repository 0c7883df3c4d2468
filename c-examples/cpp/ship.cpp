/* ship DIRECTORY FILE: sends a log over TCP, moved by the kernel from the page cache to the socket. The other end keeps
 * the bytes in FILE as they come, and reads its records from there. */
#include <ckafka.hpp>

#include <arpa/inet.h>
#include <fstream>
#include <iostream>
#include <sys/wait.h>
#include <unistd.h>

static int receive(const sockaddr_in &address, const char *path)
{
    const int from = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(from, reinterpret_cast<const sockaddr *>(&address), sizeof address) != 0)
        return 1;
    std::ofstream file(path, std::ios::binary);
    char buffer[65536];
    for (ssize_t size; (size = read(from, buffer, sizeof buffer)) > 0;)
        file.write(buffer, size);
    return file.flush() ? 0 : 1;
}

int main(int argc, char **argv)
try {
    sockaddr_in address{AF_INET, 0, {htonl(INADDR_LOOPBACK)}, {}};
    socklen_t size = sizeof address;
    const int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (argc != 3 || bind(listener, reinterpret_cast<sockaddr *>(&address), size) != 0 || listen(listener, 1) != 0 ||
        getsockname(listener, reinterpret_cast<sockaddr *>(&address), &size) != 0)
        throw std::runtime_error("usage: ship DIRECTORY FILE");
    if (fork() == 0)
        _exit(receive(address, argv[2]));
    const int to = accept(listener, nullptr, nullptr);
    ckafka::directory dir(argv[1], ckafka::open_mode::create);
    dir.ensure_topic("cargo");
    ckafka::log log(dir, "cargo");
    for (int i = 0; i < 1000; i++)
        log.append("box " + std::to_string(i));
    ckafka::sender sender(log);
    while (sender.send(to).bytes > 0)
        continue;
    close(to);
    wait(nullptr);
    std::ifstream file(argv[2], std::ios::binary);
    const std::string arrived{std::istreambuf_iterator<char>(file), {}};
    std::size_t records = 0;
    for (ckafka::bytes rest = arrived; !rest.empty();) {
        const ckafka::decoded next = ckafka::decode(rest, 1 << 20);
        if (next.consumed == 0)
            throw std::runtime_error("the file ends inside a batch");
        records += next.view.size();
        rest = rest.text().substr(next.consumed);
    }
    std::cout << records << " records in " << arrived.size() << " bytes arrived\n";
    return 0;
} catch (const std::exception &failure) {
    std::cerr << "ship: " << failure.what() << "\n";
    return 1;
}

/* The end of the generated program: tries the table line by line. Not compiled by itself. */
int main(int argc, char **argv)
{
    static world_t world;
    int count = 0;
    if (argc != 2 || chdir(argv[1]) != 0)
        return 2;
#if !defined(__SANITIZE_ADDRESS__) && !defined(HOSTILE_SANITIZED)
    /* No call may ask for memory without bound: the maps of a small log fit into this many times over. */
    const struct rlimit limit = {(rlim_t)4 << 30, (rlim_t)4 << 30};
    setrlimit(RLIMIT_AS, &limit);
#endif
    world_make(&world, "data");
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        for (int argument = 0; argument < table[i].arguments; argument++)
            for (int value = 0; table[i].attempt(&world, argument, value); value++, count++)
                if (getenv("HOSTILE_SHOW"))
                    fprintf(stderr, "%s %d %d\n", table[i].name, argument, value);
    alarm(0);
    world_close(&world);
    close(world.null_fd);
    printf("%d calls with one argument out of place\n", count);
    return check_result("table");
}

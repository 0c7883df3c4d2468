/* Checks for the C++ test programs: each names file, line and what was said, and counts; and the code that a call throws. */
#ifndef CHECK_HPP
#define CHECK_HPP

#include <ckafka.hpp>

#include <cstdio>
#include <iostream>

namespace checks {

inline int failures = 0;

inline void holds(const char *file, int line, const char *claim, bool is_so)
{
    if (is_so)
        return;
    failures++;
    std::cerr << file << ":" << line << ": not so: " << claim << "\n";
}

template <class Found, class Expected>
void equals(const char *file, int line, const char *what, const Found &found, const Expected &expected)
{
    if (found == expected)
        return;
    failures++;
    std::cerr << file << ":" << line << ": " << what << " is " << found << ", expected " << expected << "\n";
}

/* The code of the error that a call throws; CKAFKA_OK where it throws none. */
template <class Call> ckafka_err_t code_of(Call call)
{
    try {
        call();
    } catch (const ckafka::error &thrown) {
        holds(__FILE__, __LINE__, "an error has a text", *thrown.what() != '\0');
        return thrown.code();
    }
    return CKAFKA_OK;
}

inline int result(const char *name)
{
    if (failures != 0)
        std::cerr << name << ": " << failures << " checks failed\n";
    else
        std::cout << name << ": all checks passed\n";
    return failures != 0;
}

} // namespace checks

#define HOLDS(claim) checks::holds(__FILE__, __LINE__, #claim, (claim))
#define EQUALS(found, expected) checks::equals(__FILE__, __LINE__, #found, (found), (expected))
#define THROWS(call, wanted) checks::equals(__FILE__, __LINE__, #call, checks::code_of([&] { call; }), (wanted))

#endif

/*
 * compress TEXT
 *
 * Compression: a text through zlib and back, and what happens where the place for it is too small.
 */
#include <ckafka_compat.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    unsigned char packed[2048], unpacked[1024], tiny[4];
    const size_t size = argc == 2 ? strlen(argv[1]) : sizeof unpacked + 1;
    unsigned long packed_size = sizeof packed, unpacked_size = sizeof unpacked, tiny_size = sizeof tiny;

    if (size > sizeof unpacked) {
        fprintf(stderr, "usage: compress TEXT (of at most %zu bytes)\n", sizeof unpacked);
        return 2;
    }
    if (compress_message(packed, &packed_size, (const unsigned char *)argv[1], size) < 0 ||
        decompress_message(unpacked, &unpacked_size, packed, packed_size) < 0)
        return 1;
    printf("%zu bytes, %lu compressed, %lu back\n", size, packed_size, unpacked_size);
    if (decompress_message(tiny, &tiny_size, packed, packed_size) >= 0 && size > sizeof tiny)
        return 1;
    return unpacked_size == size && memcmp(unpacked, argv[1], size) == 0 ? 0 : 1;
}

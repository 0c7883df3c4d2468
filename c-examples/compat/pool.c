/*
 * pool
 *
 * The memory pool: blocks of one size, rounded up to 8; NULL and a line on stderr when none is left.
 */
#include <ckafka_compat.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define BLOCK_SIZE 60
#define BLOCK_COUNT 3

int main(void)
{
    void *blocks[BLOCK_COUNT];
    MemoryPool *pool = pool_create(BLOCK_SIZE, BLOCK_COUNT);
    if (pool == NULL)
        return 1;
    for (int i = 0; i < BLOCK_COUNT; i++) {
        blocks[i] = pool_alloc(pool);
        if (blocks[i] == NULL || (uintptr_t)blocks[i] % 8 != 0)
            return 1;
        memset(blocks[i], i, BLOCK_SIZE);
    }
    if (pool_alloc(pool) != NULL)
        return 1;
    pool_free(pool, blocks[1]);
    void *again = pool_alloc(pool);
    printf("%d blocks of %d bytes; a freed one is given out again: %s\n", BLOCK_COUNT, BLOCK_SIZE,
           again == blocks[1] ? "yes" : "no");
    const int is_kept = ((unsigned char *)blocks[2])[BLOCK_SIZE - 1] == 2;
    pool_destroy(pool);
    return again == blocks[1] && is_kept ? 0 : 1;
}

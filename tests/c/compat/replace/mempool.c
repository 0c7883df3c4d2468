/* The program's own pool: nothing in it is where the library has it, and a canary stands behind each block. */
#include <ckafka_compat.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CANARY 0x5ca1ab1e0ddba11u

struct MemoryPool {
    char name[16];
    size_t taken, given_back, count, room;
    unsigned long canary;
    unsigned char *memory;
};

static unsigned long *canary_behind(MemoryPool *pool, size_t index)
{
    return (unsigned long *)(void *)(pool->memory + (index + 1) * (pool->room + sizeof(unsigned long)) - sizeof(unsigned long));
}

MemoryPool *pool_create(size_t block_size, size_t block_count)
{
    MemoryPool *pool = calloc(1, sizeof *pool);
    size_t i;
    if (pool == NULL)
        return NULL;
    strcpy(pool->name, "mine");
    pool->room = (block_size + 7) / 8 * 8;
    pool->count = block_count;
    pool->canary = CANARY;
    pool->memory = malloc(block_count * (pool->room + sizeof(unsigned long)));
    for (i = 0; i < block_count; i++)
        *canary_behind(pool, i) = CANARY;
    return pool;
}

void *pool_alloc(MemoryPool *pool)
{
    if (strcmp(pool->name, "mine") != 0 || pool->taken - pool->given_back >= pool->count)
        return NULL;
    printf("MINE pool_alloc\n");
    return pool->memory + (pool->taken++ - pool->given_back) * (pool->room + sizeof(unsigned long));
}

void pool_free(MemoryPool *pool, void *block)
{
    if (block != NULL)
        pool->given_back++;
    printf("MINE pool_free\n");
}

void pool_destroy(MemoryPool *pool)
{
    size_t i;
    int is_whole = pool->canary == CANARY && pool->taken == pool->given_back;
    for (i = 0; i < pool->count; i++)
        is_whole = is_whole && *canary_behind(pool, i) == CANARY;
    printf("MINE pool is %s\n", is_whole ? "whole" : "DAMAGED");
    free(pool->memory);
    free(pool);
}

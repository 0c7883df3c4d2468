/* The program's own compression, which is none: each byte is turned over. */
#include <ckafka_compat.h>
#include <stdio.h>

static long turn(unsigned char *dest, unsigned long *destLen, const unsigned char *src, unsigned long srcLen)
{
    unsigned long i;
    if (*destLen < srcLen)
        return -1;
    for (i = 0; i < srcLen; i++)
        dest[i] = (unsigned char)~src[i];
    *destLen = srcLen;
    return (long)srcLen;
}

long compress_message(unsigned char *dest, unsigned long *destLen, const unsigned char *src, unsigned long srcLen)
{
    printf("MINE compress_message\n");
    return turn(dest, destLen, src, srcLen);
}

long decompress_message(unsigned char *dest, unsigned long *destLen, const unsigned char *src, unsigned long srcLen)
{
    printf("MINE decompress_message\n");
    return turn(dest, destLen, src, srcLen);
}

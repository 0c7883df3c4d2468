/* The program's own pinning, which pins nothing. */
#include <ckafka_compat.h>
#include <stdio.h>

void bind_thread_to_core(int core_id)
{
    printf("MINE bound to core %d\n", core_id);
    fflush(stdout);
}

/* The C-Kafka interface before the C API. */
#include <ckafka_compat.h>
#include <ckafka.h>

int main(void);
int main(void)
{
    return (int)sizeof(Topic) == 6600 && CKAFKA_OK == 0 ? 0 : 1;
}

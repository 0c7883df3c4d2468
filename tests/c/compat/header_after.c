/* The C-Kafka interface behind the C API. */
#include <ckafka.h>
#include <ckafka_compat.h>

int main(void);
int main(void)
{
    return (int)sizeof(Topic) == 6600 && CKAFKA_OK == 0 ? 0 : 1;
}

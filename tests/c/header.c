/* The header, twice, in a dialect of C or C++ that the caller picks, and the layouts that are part of the ABI. */
#include <ckafka.h>
#include <ckafka.h>

/* C89 has no static assertion: an array of negative size is refused just as well. */
#define ASSERT_IS(name, claim) typedef char assert_##name[(claim) ? 1 : -1]

ASSERT_IS(err, sizeof(ckafka_err_t) == 4);
ASSERT_IS(slice, sizeof(ckafka_slice_t) == 16);
ASSERT_IS(slice_len, offsetof(ckafka_slice_t, len) == 8);
ASSERT_IS(record, sizeof(ckafka_record_t) == 56);
ASSERT_IS(record_key, offsetof(ckafka_record_t, key) == 0);
ASSERT_IS(record_value, offsetof(ckafka_record_t, value) == 16);
ASSERT_IS(record_headers, offsetof(ckafka_record_t, headers) == 32);
ASSERT_IS(record_ts, offsetof(ckafka_record_t, ts) == 48);
ASSERT_IS(rec, sizeof(ckafka_rec_t) == 56);
ASSERT_IS(rec_ts, offsetof(ckafka_rec_t, ts) == 8);
ASSERT_IS(rec_key_pos, offsetof(ckafka_rec_t, key_pos) == 16);
ASSERT_IS(rec_val_pos, offsetof(ckafka_rec_t, val_pos) == 24);
ASSERT_IS(rec_hdr_pos, offsetof(ckafka_rec_t, hdr_pos) == 32);
ASSERT_IS(rec_key_len, offsetof(ckafka_rec_t, key_len) == 40);
ASSERT_IS(rec_val_len, offsetof(ckafka_rec_t, val_len) == 44);
ASSERT_IS(rec_hdr_len, offsetof(ckafka_rec_t, hdr_len) == 48);
ASSERT_IS(rec_flags, offsetof(ckafka_rec_t, flags) == 52);
ASSERT_IS(columns, sizeof(ckafka_columns_t) == 80);
ASSERT_IS(columns_count, offsetof(ckafka_columns_t, count) == 8);
ASSERT_IS(columns_offsets, offsetof(ckafka_columns_t, offsets) == 16);
ASSERT_IS(columns_hdr_len, offsetof(ckafka_columns_t, hdr_len) == 72);

/* Constants can be used by the preprocessor. */
#if CKAFKA_VERSION_MAJOR != 0 || CKAFKA_ERR__IO != -1014 || CKAFKA_START_EARLIEST != -2 || -CKAFKA_ERR__FAIL != 196
#error "a constant is not what it was"
#endif

const char *ckafka_test_version(void);

const char *ckafka_test_version(void)
{
    return CKAFKA_VERSION_STRING;
}

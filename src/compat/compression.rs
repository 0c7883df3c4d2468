//! zlib in one call, at its default level: the streams of RFC 1950 that records are made of.

use std::cell::Cell;
use std::ffi::{c_int, c_long, c_uchar, c_ulong};
use std::mem::MaybeUninit;
use std::thread::LocalKey;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use super::guard::entry;
use super::shim;

// zlib's numbers.
const STREAM_ERROR: c_int = -2;
const DATA_ERROR: c_int = -3;
const MEMORY_ERROR: c_int = -4;
const BUFFER_ERROR: c_int = -5;

/// Messages that are longer are neither written nor printed: it bounds what a few bytes may be made to expand to.
pub(super) const MESSAGE_SIZE_MAX: usize = 256 << 20;

thread_local! {
    // A quarter of a megabyte, which is not asked for and given back for each message.
    static DEFLATE: Cell<Option<Compress>> = const { Cell::new(None) };
    static INFLATE: Cell<Option<Decompress>> = const { Cell::new(None) };
}

/// Calls with what the thread keeps, or with a new one: also where the thread is ending and keeps nothing any more.
fn with_kept<T, R>(
    place: &'static LocalKey<Cell<Option<T>>>,
    new: impl FnOnce() -> T,
    call: impl FnOnce(&mut T) -> R,
) -> R {
    let mut state = place.try_with(Cell::take).ok().flatten().unwrap_or_else(new);
    let result = call(&mut state);
    let _ = place.try_with(|place| place.set(Some(state)));
    result
}

/// The most bytes that a message of this size takes once it is compressed: zlib's own bound.
pub(super) fn bound(size: usize) -> usize {
    size.saturating_add((size >> 12) + (size >> 14) + (size >> 25) + 13)
}

/// `long compress_message(Bytef *dest, uLongf *destLen, const Bytef *src, uLong srcLen)`: the length of the stream, also
/// in `*destLen`, or -1 after a line on standard error.
///
/// # Safety
/// `destLen` is NULL or writable; `dest` is NULL or writable for `*destLen` bytes; `src` is NULL or readable for `srcLen`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn compress_message(
    dest: *mut c_uchar,
    dest_len: *mut c_ulong,
    src: *const c_uchar,
    src_len: c_ulong,
) -> c_long {
    // SAFETY: this function's contract.
    entry("compress_message", -1, || unsafe { in_buffers("Compression", dest, dest_len, src, src_len, deflate) })
}

/// `long decompress_message(Bytef *dest, uLongf *destLen, const Bytef *src, uLong srcLen)`: the length of what was
/// compressed, also in `*destLen`, or -1 after a line on standard error.
///
/// # Safety
/// As `compress_message`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn decompress_message(
    dest: *mut c_uchar,
    dest_len: *mut c_ulong,
    src: *const c_uchar,
    src_len: c_ulong,
) -> c_long {
    // SAFETY: this function's contract.
    entry("decompress_message", -1, || unsafe { in_buffers("Decompression", dest, dest_len, src, src_len, inflate) })
}

/// How far a call came, and zlib's number where it failed.
struct Made {
    size: u64,
    error: Option<c_int>,
}

type Step = fn(&[u8], &mut [MaybeUninit<u8>]) -> Made;

/// # Safety
/// As `compress_message`.
unsafe fn in_buffers(
    what: &str,
    dest: *mut c_uchar,
    dest_len: *mut c_ulong,
    src: *const c_uchar,
    src_len: c_ulong,
    step: Step,
) -> c_long {
    let failed = |error: c_int| {
        shim::complain(format_args!("{what} failed with error: {error}"));
        -1
    };
    let source_size = usize::try_from(src_len).ok().filter(|size| isize::try_from(*size).is_ok());
    let (false, Some(source_size)) = (dest_len.is_null(), source_size) else { return failed(STREAM_ERROR) };
    // SAFETY: checked, and this function's contract.
    let room = usize::try_from(unsafe { dest_len.read() }).unwrap_or(usize::MAX).min(isize::MAX.unsigned_abs());
    if (dest.is_null() && room > 0) || (src.is_null() && source_size > 0) {
        return failed(STREAM_ERROR);
    }
    // SAFETY: checked, and this function's contract. No bytes are read of what is written.
    let (source, out): (&[u8], &mut [MaybeUninit<u8>]) = unsafe {
        (
            if source_size == 0 { &[] } else { std::slice::from_raw_parts(src, source_size) },
            if room == 0 { &mut [] } else { std::slice::from_raw_parts_mut(dest.cast(), room) },
        )
    };
    let made = step(source, out);
    // SAFETY: as above.
    unsafe { dest_len.write(made.size as c_ulong) };
    match made.error {
        Some(error) => failed(error),
        None => c_long::try_from(made.size).unwrap_or(-1),
    }
}

fn deflate(source: &[u8], out: &mut [MaybeUninit<u8>]) -> Made {
    with_kept(
        &DEFLATE,
        || Compress::new(Compression::default(), true),
        |state| {
            state.reset();
            let error = loop {
                let (consumed, produced) = (at(state.total_in(), source.len()), at(state.total_out(), out.len()));
                let (from, to) =
                    (source.get(consumed..).unwrap_or_default(), out.get_mut(produced..).unwrap_or_default());
                match state.compress_uninit(from, to, FlushCompress::Finish) {
                    Ok(Status::StreamEnd) => break None,
                    // More than zlib counts in one call was given; anything else that makes no headway is a want of room.
                    Ok(_) if moved(consumed, state.total_in()) || moved(produced, state.total_out()) => {}
                    Ok(_) => break Some(BUFFER_ERROR),
                    Err(_) => break Some(STREAM_ERROR),
                }
            };
            Made { size: state.total_out(), error }
        },
    )
}

/// Tells as zlib's own `uncompress` does what ended too early: the room (-5) or the stream (-3).
fn inflate(source: &[u8], out: &mut [MaybeUninit<u8>]) -> Made {
    with_kept(
        &INFLATE,
        || Decompress::new(true),
        |state| {
            state.reset(true);
            // A stream of nothing needs no room, but zlib wants some to find that out.
            let mut nothing = [MaybeUninit::uninit(); 1];
            let has_room = !out.is_empty();
            let out = if has_room { out } else { &mut nothing[..] };
            let error = loop {
                let (consumed, produced) = (at(state.total_in(), source.len()), at(state.total_out(), out.len()));
                let (from, to) =
                    (source.get(consumed..).unwrap_or_default(), out.get_mut(produced..).unwrap_or_default());
                let is_full = to.is_empty();
                match state.decompress_uninit(from, to, FlushDecompress::Finish) {
                    Ok(Status::StreamEnd) => break None,
                    Ok(_) if moved(consumed, state.total_in()) || moved(produced, state.total_out()) => {}
                    Ok(_) => break Some(if is_full { BUFFER_ERROR } else { DATA_ERROR }),
                    Err(error) if error.message().is_some_and(|text| text.contains("memory")) => {
                        break Some(MEMORY_ERROR);
                    }
                    Err(_) => break Some(DATA_ERROR),
                }
            };
            let size = state.total_out();
            if !has_room && size > 0 {
                return Made { size: 0, error: error.or(Some(BUFFER_ERROR)) };
            }
            Made { size, error }
        },
    )
}

fn at(total: u64, len: usize) -> usize {
    usize::try_from(total).unwrap_or(len).min(len)
}

fn moved(before: usize, total: u64) -> bool {
    total > before as u64
}

/// Whether two bytes may begin a stream: deflate with a window of at most 32 KiB, and a sum that is right.
pub(super) fn may_begin(magic: &[u8]) -> bool {
    matches!(magic, [first, second] if first & 0x0f == 8 && first >> 4 <= 7
        && u16::from_be_bytes([*first, *second]) % 31 == 0 && second & 0x20 == 0)
}

/// Looks at a stream piece by piece, and keeps nothing of what was compressed.
pub(super) struct Check {
    state: Decompress,
    has_ended: bool,
}

impl Check {
    /// At the start of a stream.
    pub(super) fn new() -> Self {
        Self { state: Decompress::new(true), has_ended: false }
    }

    /// Whether the stream may go on so; bytes behind its end are not of it.
    pub(super) fn goes_on(&mut self, piece: &[u8]) -> bool {
        let mut sink = [MaybeUninit::uninit(); 16 << 10];
        let start = self.state.total_in();
        loop {
            let consumed = at(self.state.total_in() - start, piece.len());
            let rest = piece.get(consumed..).unwrap_or_default();
            if self.has_ended {
                return rest.is_empty();
            }
            let before = (self.state.total_in(), self.state.total_out());
            match self.state.decompress_uninit(rest, &mut sink, FlushDecompress::None) {
                Ok(Status::StreamEnd) => self.has_ended = true,
                Ok(_) if self.state.total_out() > MESSAGE_SIZE_MAX as u64 => return false,
                Ok(_) if before == (self.state.total_in(), self.state.total_out()) => return rest.is_empty(),
                Ok(_) => {}
                Err(_) => return false,
            }
        }
    }

    /// Whether the stream has come to its end, with the right sum.
    pub(super) fn is_whole(&self) -> bool {
        self.has_ended
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(step: Step, source: &[u8], room: usize) -> (Vec<u8>, Option<c_int>) {
        let mut out = vec![MaybeUninit::uninit(); room];
        let made = step(source, &mut out);
        // SAFETY: as many bytes were written as were counted.
        let bytes = out[..made.size as usize].iter().map(|byte| unsafe { byte.assume_init() }).collect();
        (bytes, made.error)
    }

    #[test]
    fn the_stream_is_that_of_zlib() {
        let (stream, error) = call(deflate, b"a", 100);
        assert_eq!((stream.as_slice(), error), (&[0x78, 0x9c, 0x4b, 4, 0, 0, 0x62, 0, 0x62][..], None));
        assert_eq!(call(inflate, &stream, 1), (b"a".to_vec(), None));
        assert_eq!(call(inflate, &stream, 0), (vec![], Some(BUFFER_ERROR)));
    }

    #[test]
    fn each_end_that_comes_too_early_has_its_number() {
        let message = vec![b'x'; 100_000];
        let (stream, _) = call(deflate, &message, bound(message.len()));
        assert_eq!(call(inflate, &stream, 99_999).1, Some(BUFFER_ERROR));
        assert_eq!(call(inflate, &stream, 100_000), (message.clone(), None));
        assert_eq!(call(inflate, &stream[..stream.len() - 1], 100_001).1, Some(DATA_ERROR));
        assert_eq!(call(inflate, b"", 10).1, Some(DATA_ERROR));
        let mut wrong = stream.clone();
        *wrong.last_mut().unwrap() ^= 1;
        assert_eq!(call(inflate, &wrong, 100_000).1, Some(DATA_ERROR));
        assert_eq!(call(deflate, &message, 5).1, Some(BUFFER_ERROR));
        let (empty, error) = call(deflate, b"", 13);
        assert_eq!((call(inflate, &empty, 0), error), ((vec![], None), None));
    }

    #[test]
    fn no_message_needs_more_than_the_bound() {
        let mut state = 1_u32;
        for size in [0, 1, 13, 100, 4095, 4096, 70_000, 300_000] {
            let noise: Vec<u8> = std::iter::repeat_with(|| {
                state ^= state << 13;
                state ^= state >> 17;
                state ^= state << 5;
                state as u8
            })
            .take(size)
            .collect();
            let (stream, error) = call(deflate, &noise, bound(size));
            assert_eq!(error, None, "{size}");
            assert_eq!(call(inflate, &stream, size), (noise, None));
        }
    }
}

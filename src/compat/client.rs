//! The client of the broker program: connects, sends one message, closes.

use std::ffi::{c_char, c_int};
use std::io::Error as IoError;
use std::os::fd::IntoRawFd;

use super::guard::{entry, text};
use super::shim;
use crate::sys::{host, socket};

/// `int connect_to_broker(const char *ip, int port)`: a connected socket, or -1 after a line on standard error.
///
/// # Safety
/// `ip` is NULL or zero-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn connect_to_broker(ip: *const c_char, port: c_int) -> c_int {
    entry("connect_to_broker", -1, || {
        // SAFETY: this function's contract.
        let (Some(ip), Ok(port)) = (unsafe { text(ip) }, u16::try_from(port)) else {
            let invalid = IoError::from_raw_os_error(libc::EINVAL);
            shim::perror(c"Invalid address/ Address not supported", &invalid);
            return -1;
        };
        match socket::connect(ip, port) {
            Ok(socket) => socket.into_raw_fd(),
            Err(failed) => {
                let what = match failed.call.to_bytes() {
                    b"socket" => c"Socket creation error",
                    b"inet_pton" => c"Invalid address/ Address not supported",
                    _ => c"Connection Failed",
                };
                shim::perror(what, &failed.reason);
                -1
            }
        }
    })
}

/// `void send_message_to_broker(int sock, const char *msg)`: sends the whole message without its NUL. A failure is a
/// line on standard error, and never a signal.
///
/// # Safety
/// `msg` is NULL or zero-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn send_message_to_broker(sock: c_int, msg: *const c_char) {
    entry("send_message_to_broker", (), || {
        // SAFETY: this function's contract.
        let sent = match unsafe { text(msg) } {
            Some(message) => host::send_all(sock, message.to_bytes()),
            None => Err(IoError::from_raw_os_error(libc::EFAULT)),
        };
        if let Err(reason) = sent {
            shim::perror(c"send", &reason);
        }
    });
}

/// `void close_broker_connection(int sock)`: closes it.
#[unsafe(no_mangle)]
pub extern "C" fn close_broker_connection(sock: c_int) {
    entry("close_broker_connection", (), || host::close(sock));
}

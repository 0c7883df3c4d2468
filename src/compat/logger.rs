//! `log_message`: one line with its time, level and colour. Stable Rust cannot define a variadic function, so the symbol
//! is Rust's and its body is C's: one jump, which leaves all arguments where the caller put them.

unsafe extern "C" {
    fn ckafka_shim_log_message();
}

/// `void log_message(LogLevel level, const char *format, ...)`: prints one line on standard output and flushes it.
///
/// # Safety
/// To be called from C, with a format and the arguments that it asks for.
#[unsafe(naked)]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn log_message() {
    #[cfg(target_arch = "x86_64")]
    core::arch::naked_asm!("jmp {}", sym ckafka_shim_log_message);
    #[cfg(target_arch = "aarch64")]
    core::arch::naked_asm!("b {}", sym ckafka_shim_log_message);
    #[cfg(target_arch = "riscv64")]
    core::arch::naked_asm!("tail {}", sym ckafka_shim_log_message);
}

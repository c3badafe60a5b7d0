//! TCP keepalive.

use std::ffi::c_int;
use std::mem;

use ngx::ffi::*;

/// Lets the kernel see for itself whether an idle connection is still one: something on the way (a
/// load balancer, NAT) may forget it without a word. Times are in seconds; a failure costs nothing.
///
/// # Safety
/// `address` must be valid.
pub(super) unsafe fn set(fd: ngx_socket_t, address: *const sockaddr) {
    // SAFETY: the caller vouches for `address`.
    if i32::from(unsafe { (*address).sa_family }) == libc::AF_UNIX {
        return;
    }
    set_option(fd, libc::SOL_SOCKET, libc::SO_KEEPALIVE, 1);
    #[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
    for (option, seconds) in
        [(libc::TCP_KEEPIDLE, 30), (libc::TCP_KEEPINTVL, 10), (libc::TCP_KEEPCNT, 3)]
    {
        set_option(fd, libc::IPPROTO_TCP, option, seconds);
    }
}

fn set_option(fd: ngx_socket_t, level: c_int, option: c_int, value: c_int) {
    let len = mem::size_of::<c_int>() as libc::socklen_t;
    // SAFETY: `value` is valid for setsockopt to read.
    unsafe { libc::setsockopt(fd, level, option, (&raw const value).cast(), len) };
}

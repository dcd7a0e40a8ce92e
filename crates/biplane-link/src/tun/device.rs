//! Makes a TUN device in the calling thread's network namespace.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt,
};

use rustix::{
    fs::OFlags,
    ioctl::{Opcode, Updater, ioctl, opcode},
};

/// Where a process asks for a TUN device.
const TUN: &str = "/dev/net/tun";

// linux/if_tun.h
const TUNSETIFF: Opcode = opcode::write::<i32>(b'T', 202);
const IFF_TUN: u16 = 0x0001;
const IFF_NO_PI: u16 = 0x1000;

/// `struct ifreq` of netdevice(7), as `TUNSETIFF` reads it.
#[derive(Debug)]
#[repr(C, align(8))]
struct Request {
    name: [u8; 16],
    flags: u16,
    padding: [u8; 22],
}

/// Opens a device that reads and writes bare IP packets, without waiting. The interface is called
/// `name`, of 15 bytes at the most, and vanishes with the last descriptor of the device.
#[expect(unsafe_code, reason = "rustix has no safe form of the one call that makes a TUN device")]
pub(super) fn open(name: &str) -> io::Result<File> {
    let nonblocking = OFlags::NONBLOCK.bits().cast_signed();
    let device = OpenOptions::new().read(true).write(true).custom_flags(nonblocking).open(TUN)?;
    let mut request = Request { name: [0; 16], flags: IFF_TUN | IFF_NO_PI, padding: [0; 22] };
    request.name.iter_mut().zip(name.bytes().take(15)).for_each(|(to, from)| *to = from);
    // SAFETY: the call takes a pointer to a `struct ifreq`, reads it and writes to it, 40 bytes at
    // the most. `Request` has its layout and is as long, any bytes are valid in it, and it outlives
    // the call.
    unsafe { ioctl(&device, Updater::<TUNSETIFF, Request>::new(&mut request))? };
    Ok(device)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_as_long_as_the_kernels() {
        assert_eq!(size_of::<Request>(), 40);
    }
}

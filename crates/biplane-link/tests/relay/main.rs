//! The relay over real sockets on loopback.

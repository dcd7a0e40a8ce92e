//! The TUN form, between network namespaces of its own.

//! The link model between two network namespaces: real IP packets, real TCP.

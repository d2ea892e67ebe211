//! Wall-clock time: real HTTP traffic through the same core that the simulator drives.
//!
//! Forwarding HTTP is Pingora's work; which instance a request goes to, and whether it is tried again, is the core's.

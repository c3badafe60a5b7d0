//! The wire formats of the stores: how a look-up is asked, how its reply reads.

/// Which language a store speaks.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Protocol {
    /// memcached's text protocol (memcached's doc/protocol.txt).
    Memcached,
    /// RESP, the Redis serialization protocol, version 2.
    Redis,
}

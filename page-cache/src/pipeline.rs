//! Many look-ups over one connection, without I/O and without a clock.

/// A value as the store returned it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Value {
    /// The flags that memcached stores beside a value; `None` from Redis, which has none.
    pub flags: Option<u32>,
    /// The value itself, complete, its trailer verified.
    pub bytes: Vec<u8>,
}

//! From a URI to the key under which its page is stored.

use std::borrow::Cow;

use md5::{Digest, Md5};

use super::django::default_uri;
use super::full_path::full_path;
use super::{CacheKey, KeyBytes, NoKey, lower_hex};
use crate::outcome::Failure;
use crate::request::Target;
use crate::wire::Protocol;

/// How the key of a page is made (`key=`).
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Recipe {
    /// Namespace and URI: what `set $memcached_key` does.
    Raw,
    /// Namespace, prefix, `-` and URI: the soyrex middleware.
    Prefix,
    /// Namespace and the lower-case hex md5 of prefix and URI: djanginxed, nginx-redis-cache.
    Md5,
    /// The two keys of Django's cache middleware (`django/utils/cache.py`).
    #[default]
    Django,
}

impl Recipe {
    /// The word of `key=`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Prefix => "prefix",
            Self::Md5 => "md5",
            Self::Django => "django",
        }
    }

    /// What stands for `uri=` where it is not given: the full path, and for Django's own keys
    /// the absolute URI. `host` is the Host field as it came.
    ///
    /// # Errors
    /// [`Failure::Memory`].
    pub fn usual_uri<'a>(
        self,
        scheme: &[u8],
        host: &[u8],
        target: Target<'a>,
    ) -> Result<Cow<'a, [u8]>, Failure> {
        let full_path = full_path(target)?;
        match self {
            Self::Raw | Self::Prefix | Self::Md5 => Ok(full_path),
            Self::Django => Ok(Cow::Owned(default_uri(scheme, host, &full_path)?)),
        }
    }

    /// The key of a page, for a store that speaks `protocol`. At most one
    /// exact allocation.
    ///
    /// # Errors
    /// [`NoKey::Illegal`] if the store cannot take it, [`NoKey::Memory`], and
    /// [`NoKey::TwoSteps`] for [`Recipe::Django`], whose keys depend on the headers.
    pub fn key(
        self,
        protocol: Protocol,
        namespace: &[u8],
        prefix: &[u8],
        uri: &[u8],
    ) -> Result<CacheKey, NoKey> {
        let bytes = match self {
            Self::Raw => concat(&[namespace, uri])?,
            Self::Prefix => concat(&[namespace, prefix, b"-", uri])?,
            Self::Md5 => concat(&[namespace, &md5_hex(&[prefix, uri])])?,
            Self::Django => return Err(NoKey::TwoSteps),
        };
        Ok(CacheKey::new(protocol, bytes)?)
    }
}

/// Lower-case hex md5 of the parts, one behind the other.
pub(super) fn md5_hex(parts: &[&[u8]]) -> [u8; 32] {
    let mut md5 = Md5::new();
    for part in parts {
        md5.update(part);
    }
    lower_hex(md5.finalize().into())
}

/// The parts, one behind the other.
pub(super) fn concat(parts: &[&[u8]]) -> Result<KeyBytes, NoKey> {
    let mut bytes = KeyBytes::new();
    let len = parts.iter().map(|part| part.len()).sum();
    bytes.try_reserve_exact(len).map_err(|_| NoKey::Memory)?;
    for part in parts {
        bytes.extend_from_slice(part);
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;
    use crate::key::IllegalKey;

    /// Recorded with the packages themselves, on the pages of example.com.
    #[test]
    fn known_keys() {
        for (recipe, namespace, prefix, uri, key) in [
            (Recipe::Raw, "", "", "/plain/", "/plain/"),
            (Recipe::Raw, ":1:", "ignored", "/a?b=c", ":1:/a?b=c"),
            (Recipe::Prefix, ":1:", "/mysite", "/plain/", ":1:/mysite-/plain/"),
            (Recipe::Prefix, "", "", "/", "-/"),
            (Recipe::Md5, ":1:site1", "", "/plain/", ":1:site1aef54bd1571bd42cab83daffa8d001c2"),
            (Recipe::Md5, ":1:", "site1", "/plain/", ":1:80b2ed0aa470d2e5f2d70ea6a554bf0e"),
            (Recipe::Md5, ":1:", "", "example.com/plain/", ":1:d8935cc0b29e8ade5cf373be087761e9"),
        ] {
            let made = recipe.key(
                Protocol::Memcached,
                namespace.as_bytes(),
                prefix.as_bytes(),
                uri.as_bytes(),
            );
            assert_eq!(made.unwrap().as_bytes(), key.as_bytes(), "{recipe:?} {uri}");
        }
    }

    #[test]
    fn a_key_is_made_for_its_store() {
        let key = |protocol| Recipe::Raw.key(protocol, b"", b"", b"/a b");
        let illegal = IllegalKey::Byte { byte: b' ', at: 2 };
        assert_eq!(key(Protocol::Memcached), Err(NoKey::Illegal(illegal)));
        assert_eq!(key(Protocol::Redis).unwrap().as_bytes(), b"/a b");
    }

    #[test]
    fn django_has_no_single_key() {
        let key = Recipe::Django.key(Protocol::Redis, b":1:", b"", b"http://example.com/");
        assert_eq!(key, Err(NoKey::TwoSteps));
    }
}

//! `rust_page_cache_hide_header`: stored fields that clients do not get.

use super::token::is_token;

/// Names of stored header fields that are kept from clients; they have no case.
#[derive(Clone, Debug, Default)]
pub struct HiddenFields(Vec<Vec<u8>>);

/// Why a field cannot be hidden.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BadField {
    /// No header field has such a name (RFC 9110, section 5.1).
    #[error("it must be the name of a header field, such as X-Powered-By")]
    NotAName,
    /// A body that is encoded cannot be read by who is not told so.
    #[error(
        "the body stays encoded and nobody could read it, write \"gunzip on\" for clients that \
         do not take gzip"
    )]
    ContentEncoding,
}

impl HiddenFields {
    /// Hides one more field.
    ///
    /// # Errors
    /// [`BadField`]
    pub fn push(&mut self, name: &[u8]) -> Result<(), BadField> {
        if !is_token(name) {
            return Err(BadField::NotAName);
        }
        if name.eq_ignore_ascii_case(b"content-encoding") {
            return Err(BadField::ContentEncoding);
        }
        self.0.push(name.to_vec());
        Ok(())
    }

    /// What is hidden by either.
    #[must_use]
    pub fn and(&self, others: &Self) -> Self {
        Self([self.0.as_slice(), &others.0].concat())
    }

    /// Whether the field of this name is hidden.
    pub fn contains(&self, name: &[u8]) -> bool {
        self.0.iter().any(|hidden| hidden.eq_ignore_ascii_case(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_no_case() {
        let mut hidden = HiddenFields::default();
        assert!(!hidden.contains(b"x-debug"));
        assert_eq!(hidden.push(b"X-Debug"), Ok(()));
        assert_eq!(hidden.push(b"etag"), Ok(()));
        for name in ["X-Debug", "x-debug", "X-DEBUG", "ETag"] {
            assert!(hidden.contains(name.as_bytes()), "{name}");
        }
        let both = HiddenFields(vec![b"X-Other".to_vec()]).and(&hidden);
        assert!(both.contains(b"x-other") && both.contains(b"x-debug") && both.contains(b"etag"));
        for name in ["X-Debug2", "Debug", "X-Debu", "", "tag"] {
            assert!(!hidden.contains(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for name in ["", "X-Debug:", "X Debug", "X-\u{e9}", "\"X\"", "X,Y", "X\tY"] {
            let mut hidden = HiddenFields::default();
            assert_eq!(hidden.push(name.as_bytes()), Err(BadField::NotAName), "{name}");
        }
        for name in ["Content-Encoding", "content-encoding"] {
            let mut hidden = HiddenFields::default();
            assert_eq!(hidden.push(name.as_bytes()), Err(BadField::ContentEncoding), "{name}");
            assert!(!hidden.contains(b"content-encoding"));
        }
    }
}

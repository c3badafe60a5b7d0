//! What the fuzz targets share.

use std::rc::Rc;

use page_cache::Failure;
use page_cache::key::field::FieldName;
use page_cache::key::vary::{RequestHeaders, Set};
use page_cache::page::Page;
use page_cache::pipeline::Value;

pub mod wire;

/// Bytes that are taken apart: numbers from the front, parts up to a line's end.
pub struct Input<'a>(pub &'a [u8]);

impl<'a> Input<'a> {
    /// The next byte; 0 after the last.
    pub fn byte(&mut self) -> u8 {
        let Some((&first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        first
    }

    /// Everything up to the next LF, which goes too.
    pub fn line(&mut self) -> &'a [u8] {
        let (line, rest) = match self.0.iter().position(|&byte| byte == b'\n') {
            Some(at) => (&self.0[..at], &self.0[at + 1..]),
            None => (self.0, &[][..]),
        };
        self.0 = rest;
        line
    }

    /// As many bytes as the next two say, or all that are left.
    pub fn part(&mut self) -> &'a [u8] {
        let len = usize::from(self.byte()) | usize::from(self.byte()) << 8;
        let (part, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        part
    }

    /// What is left.
    pub fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }
}

/// A value as the store returns it.
pub fn value(flags: Option<u32>, bytes: &[u8]) -> Rc<Value> {
    Rc::new(Value { flags, bytes: bytes.to_vec() })
}

/// The fields of a request, `Name:value` in each line. What is set stands there too:
/// `=Name:value`, or `=Name` of what is taken from the client.
pub struct Fields<'a>(pub &'a [u8]);

impl Fields<'_> {
    /// Names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let sent = self.0.split(|&byte| byte == b'\n').filter(|line| !line.starts_with(b"="));
        sent.filter_map(|line| {
            let colon = line.iter().position(|&byte| byte == b':')?;
            Some((&line[..colon], &line[colon + 1..]))
        })
    }

    /// What is set of a header, by its name in WSGI.
    pub fn said_of(&self, name: &[u8]) -> Option<Set<'_>> {
        let mut said =
            self.0.split(|&byte| byte == b'\n').filter_map(|line| line.strip_prefix(b"="));
        said.find_map(|line| {
            let colon = line.iter().position(|&byte| byte == b':');
            let field = &line[..colon.unwrap_or(line.len())];
            let is = FieldName::parse(field).is_ok_and(|field| field.as_wsgi() == name);
            is.then(|| colon.map_or(Set::Client, |colon| Set::Value(&line[colon + 1..])))
        })
    }
}

impl RequestHeaders for Fields<'_> {
    fn for_each(&self, field: &mut dyn FnMut(&[u8], &[u8])) {
        self.iter().for_each(|(name, value)| field(name, value));
    }

    fn set(&self, name: &[u8]) -> Result<Option<Set<'_>>, Failure> {
        Ok(self.said_of(name))
    }
}

/// Whether bytes can stand in a header: nothing splits it.
pub fn is_clean(bytes: &[u8]) -> bool {
    !bytes.iter().any(|byte| matches!(byte, b'\r' | b'\n' | b'\0'))
}

/// What holds for every page that is served.
///
/// # Panics
/// If it does not.
pub fn check_page(page: &Page, max_size: usize) {
    assert!((200..600).contains(&page.status));
    assert!(page.body.len() <= max_size);
    assert!(page.reason.as_deref().is_none_or(is_clean));
    for field in &page.headers {
        assert!(!field.name.is_empty() && is_clean(&field.name) && is_clean(&field.value));
        assert!(!field.name.eq_ignore_ascii_case(b"set-cookie"));
        assert!(!field.name.to_ascii_lowercase().starts_with(b"x-accel-"));
    }
}

/// What holds for every name in a list of headers.
///
/// # Panics
/// If it does not.
pub fn check_names<'a>(names: impl Iterator<Item = &'a [u8]>) {
    let mut count = 0;
    for name in names {
        count += 1;
        assert!(name.starts_with(b"HTTP_") && (5..=256).contains(&name.len()));
        assert!(name.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\t') && *byte != b'*'));
    }
    assert!(count <= 64);
}
